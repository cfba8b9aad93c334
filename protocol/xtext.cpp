#include "protocol/xtext.h"

namespace posthouse::protocol {

namespace {

constexpr std::string_view kHex = "0123456789ABCDEF";

bool stands_for_itself(char c) {
    return c >= '!' && c <= '~' && c != '+' && c != '=';
}

}  // namespace

std::string xtext_encode(std::string_view octets) {
    std::string out;
    out.reserve(octets.size());
    for (const char c : octets) {
        if (stands_for_itself(c)) {
            out += c;
            continue;
        }
        const auto octet = static_cast<unsigned char>(c);
        out += '+';
        out += kHex[octet >> 4U];
        out += kHex[octet & 15U];
    }
    return out;
}

std::optional<std::string> xtext_decode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (stands_for_itself(text[i])) {
            out += text[i];
            continue;
        }
        if (text[i] != '+' || text.size() - i < 3) return std::nullopt;
        const std::size_t high = kHex.find(text[i + 1]);
        const std::size_t low = kHex.find(text[i + 2]);
        if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
        out += static_cast<char>(high << 4U | low);
        i += 2;
    }
    return out;
}

}  // namespace posthouse::protocol
