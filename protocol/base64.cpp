#include "protocol/base64.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace posthouse::protocol {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kInvalid = 0xFF;

constexpr std::array<std::uint8_t, 256> make_values() {
    std::array<std::uint8_t, 256> values{};
    values.fill(kInvalid);
    for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
        values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
    }
    return values;
}
constexpr auto kValues = make_values();

unsigned octet(char c) {
    return static_cast<unsigned char>(c);
}

}  // namespace

std::string base64_encode(std::string_view octets) {
    std::string out;
    out.reserve((octets.size() + 2) / 3 * 4);
    while (octets.size() >= 3) {
        const unsigned group = octet(octets[0]) << 16U | octet(octets[1]) << 8U | octet(octets[2]);
        out += kAlphabet[group >> 18U];
        out += kAlphabet[group >> 12U & 63U];
        out += kAlphabet[group >> 6U & 63U];
        out += kAlphabet[group & 63U];
        octets.remove_prefix(3);
    }
    if (!octets.empty()) {
        const bool two = octets.size() == 2;
        const unsigned group = octet(octets[0]) << 16U | (two ? octet(octets[1]) << 8U : 0U);
        out += kAlphabet[group >> 18U];
        out += kAlphabet[group >> 12U & 63U];
        out += two ? kAlphabet[group >> 6U & 63U] : '=';
        out += '=';
    }
    return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=')
        ++padding;
    text.remove_suffix(padding);

    std::string out;
    out.reserve(text.size() / 4 * 3 + 2);
    unsigned group = 0;
    unsigned bits = 0;
    for (const char c : text) {
        const std::uint8_t value = kValues[static_cast<unsigned char>(c)];
        if (value == kInvalid) return std::nullopt;
        group = (group << 6U | value) & 0xFFFFU;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out += static_cast<char>(group >> bits & 0xFFU);
        }
    }
    // RFC 4648 3.5: the bits behind the last octet must be zero, else two texts would mean the same.
    if ((group & ((1U << bits) - 1U)) != 0) return std::nullopt;
    return out;
}

}  // namespace posthouse::protocol
