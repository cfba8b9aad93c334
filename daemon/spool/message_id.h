// MessageId: the time-ordered number of a message, unique within a spool for ever.
//
// 64 bits: milliseconds since 1970 << 20, plus a counter; the next id is always greater than every id the
// spool has seen, even if the clock goes backwards. Written as 13 characters of lower-case Crockford base32
// (no i l o u).
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse::spool {

struct MessageId {
    std::uint64_t value = 0;
    friend auto operator<=>(const MessageId&, const MessageId&) = default;
};

[[nodiscard]] std::string to_string(MessageId id);
[[nodiscard]] std::optional<MessageId> parse_message_id(std::string_view text);

}  // namespace posthouse::spool

template <>
struct std::hash<posthouse::spool::MessageId> {
    std::size_t operator()(posthouse::spool::MessageId id) const noexcept {
        return static_cast<std::size_t>(id.value * 0x9E3779B97F4A7C15ULL >> 7U);
    }
};
