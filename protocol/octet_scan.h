// The scans that every octet of every message goes through, shared by decoder, encoder and BDAT. Pure.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace posthouse::protocol {

// The index of the first CR or LF at or behind `from`; text.size() if there is none.
//
// Eight octets a step: one pass for both octets costs half of two memchr() calls, and bare ones cannot be
// found without looking for both.
[[nodiscard]] inline std::size_t find_cr_or_lf(std::string_view text, std::size_t from) {
    constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
    constexpr std::uint64_t kHighs = 0x8080808080808080ULL;
    std::size_t i = from;
    for (; text.size() - i >= 8; i += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data() + i, 8);
        const std::uint64_t lf = word ^ (kOnes * '\n');
        const std::uint64_t cr = word ^ (kOnes * '\r');
        // The high bit of every octet that became zero. A borrow may set higher ones too, never lower ones.
        const std::uint64_t hits = (((lf - kOnes) & ~lf) | ((cr - kOnes) & ~cr)) & kHighs;
        if (hits == 0) continue;
        if constexpr (std::endian::native == std::endian::little) {
            return i + static_cast<std::size_t>(std::countr_zero(hits)) / 8;
        }
        break;
    }
    while (i < text.size() && text[i] != '\r' && text[i] != '\n')
        ++i;
    return i;
}

[[nodiscard]] inline std::uint64_t count_nul(std::string_view text) {
    std::uint64_t count = 0;
    while (!text.empty()) {
        const void* const found = std::memchr(text.data(), '\0', text.size());
        if (found == nullptr) break;
        ++count;
        text.remove_prefix(static_cast<std::size_t>(static_cast<const char*>(found) - text.data()) + 1);
    }
    return count;
}

}  // namespace posthouse::protocol
