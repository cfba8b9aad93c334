#include "daemon/spool/message_id.h"

#include <array>

namespace posthouse::spool {
namespace {

constexpr std::string_view kDigits = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::size_t kLength = 13;  // 64 bits in steps of 5

constexpr std::array<std::int8_t, 256> make_values() {
    std::array<std::int8_t, 256> values{};
    values.fill(-1);
    for (std::size_t i = 0; i < kDigits.size(); ++i) {
        values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::int8_t>(i);
    }
    return values;
}

constexpr auto kValues = make_values();

}  // namespace

std::string to_string(MessageId id) {
    std::string text(kLength, '0');
    std::uint64_t rest = id.value;
    for (std::size_t i = kLength; i-- > 0;) {
        text[i] = kDigits[rest & 31U];
        rest >>= 5U;
    }
    return text;
}

std::optional<MessageId> parse_message_id(std::string_view text) {
    // 13 digits hold 65 bits: the first one may not exceed 15.
    if (text.size() != kLength || kValues[static_cast<unsigned char>(text.front())] > 15) {
        return std::nullopt;
    }
    MessageId id;
    for (const char c : text) {
        const std::int8_t digit = kValues[static_cast<unsigned char>(c)];
        if (digit < 0) {
            return std::nullopt;
        }
        id.value = id.value << 5U | static_cast<std::uint64_t>(digit);
    }
    return id;
}

}  // namespace posthouse::spool
