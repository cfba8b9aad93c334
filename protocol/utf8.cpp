#include "protocol/utf8.h"

#include <cstdint>
#include <cstring>

namespace posthouse::protocol {

namespace {

unsigned octet_at(std::string_view text, std::size_t index) {
    return static_cast<unsigned char>(text[index]);
}

bool is_continuation(std::string_view text, std::size_t index) {
    return index < text.size() && (octet_at(text, index) & 0xC0U) == 0x80U;
}

}  // namespace

// Runs over every body, so eight octets at a time, and a compiler can make it more.
bool is_ascii(std::string_view text) {
    constexpr std::uint64_t kHighBits = 0x8080808080808080U;
    constexpr std::size_t kBlock = 64;
    while (text.size() >= kBlock) {
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < kBlock; i += sizeof seen) {
            std::uint64_t octets = 0;
            std::memcpy(&octets, text.data() + i, sizeof octets);
            seen |= octets;
        }
        if ((seen & kHighBits) != 0) return false;
        text.remove_prefix(kBlock);
    }
    std::uint64_t seen = 0;
    while (text.size() >= sizeof seen) {
        std::uint64_t octets = 0;
        std::memcpy(&octets, text.data(), sizeof octets);
        seen |= octets;
        text.remove_prefix(sizeof octets);
    }
    for (const char c : text) {
        seen |= static_cast<unsigned char>(c);
    }
    return (seen & kHighBits) == 0;
}

std::size_t utf8_sequence_length(std::string_view text) {
    if (text.empty()) return 0;
    const unsigned lead = octet_at(text, 0);
    if (lead < 0x80) return 1;
    if (lead < 0xC2 || lead > 0xF4) return 0;  // continuation, overlong two-octet form, or above U+10FFFF
    if (!is_continuation(text, 1)) return 0;
    if (lead < 0xE0) return 2;
    const unsigned second = octet_at(text, 1);
    if (!is_continuation(text, 2)) return 0;
    if (lead < 0xF0) {
        const bool overlong = lead == 0xE0 && second < 0xA0;
        const bool surrogate = lead == 0xED && second >= 0xA0;
        return overlong || surrogate ? 0 : 3;
    }
    if (!is_continuation(text, 3)) return 0;
    const bool overlong = lead == 0xF0 && second < 0x90;
    const bool too_large = lead == 0xF4 && second >= 0x90;
    return overlong || too_large ? 0 : 4;
}

bool is_valid_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = utf8_sequence_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

bool has_control_characters(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const unsigned octet = octet_at(text, i);
        if (octet < 0x20 || octet == 0x7F) return true;
        // U+0080..U+009F are C2 80..C2 9F; C2 is never a continuation octet, so no other sequence matches.
        if (octet == 0xC2 && i + 1 < text.size() && (octet_at(text, i + 1) & 0xE0U) == 0x80U) return true;
    }
    return false;
}

}  // namespace posthouse::protocol
