#include "protocol/reply.h"

#include "protocol/utf8.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <utility>

namespace posthouse::protocol {

namespace {

constexpr std::size_t kMaxReplyLine = 512;  // RFC 5321 4.5.3.1.5, with CRLF

void append_number(std::string& out, unsigned value) {
    std::array<char, 10> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append(digits.data(), end);
}

// Up to three digits, no leading zero but "0" itself (RFC 3463 2).
std::optional<std::uint16_t> take_number(std::string_view& text) {
    std::size_t length = 0;
    unsigned value = 0;
    while (length < text.size() && text[length] >= '0' && text[length] <= '9') {
        if (length == 3) return std::nullopt;
        value = value * 10 + static_cast<unsigned>(text[length] - '0');
        ++length;
    }
    if (length == 0 || (length > 1 && text[0] == '0')) return std::nullopt;
    text.remove_prefix(length);
    return static_cast<std::uint16_t>(value);
}

bool take_dot(std::string_view& text) {
    if (text.empty() || text[0] != '.') return false;
    text.remove_prefix(1);
    return true;
}

bool is_control(char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet < 0x20 || octet == 0x7f;
}

// The longest prefix of `text` within `room` octets that does not end inside a UTF-8 sequence.
std::size_t cut_length(std::string_view text, std::size_t room) {
    if (text.size() <= room) return text.size();
    std::size_t cut = room;
    while (cut > room - 3 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U)
        --cut;
    return cut;
}

void append_line(std::string& out, const Reply& reply, bool last, std::string_view text) {
    append_number(out, reply.code);
    if (!last) {
        out += '-';
    } else if (reply.enhanced || !text.empty()) {
        out += ' ';
    }
    if (reply.enhanced) {
        out += to_string(*reply.enhanced);
        if (!text.empty()) out += ' ';
    }
    for (const char c : text)
        out += is_control(c) ? '?' : c;
    out += "\r\n";
}

void append_escaped(std::string& out, char c) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto octet = static_cast<unsigned char>(c);
    out += "\\x";
    out += kHex[octet >> 4U];
    out += kHex[octet & 15U];
}

// Lines joined by a space; what is no printable, well-formed UTF-8 is escaped, so the result suits any log.
void append_printable(std::string& out, std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = utf8_sequence_length(text);
        if (text[0] == '\n') {
            out += ' ';
            text.remove_prefix(1);
        } else if (length == 0 || has_control_characters(text.substr(0, length))) {
            for (std::size_t i = 0; i < std::max<std::size_t>(length, 1); ++i)
                append_escaped(out, text[i]);
            text.remove_prefix(std::max<std::size_t>(length, 1));
        } else {
            out += text.substr(0, length);
            text.remove_prefix(length);
        }
    }
}

}  // namespace

std::string to_string(EnhancedCode code) {
    std::string out;
    append_number(out, code.klass);
    out += '.';
    append_number(out, code.subject);
    out += '.';
    append_number(out, code.detail);
    return out;
}

std::optional<EnhancedCode> parse_enhanced_code(std::string_view text) {
    if (text.empty() || (text[0] != '2' && text[0] != '4' && text[0] != '5')) return std::nullopt;
    const auto klass = static_cast<std::uint8_t>(text[0] - '0');
    text.remove_prefix(1);
    if (!take_dot(text)) return std::nullopt;
    const auto subject = take_number(text);
    if (!subject || !take_dot(text)) return std::nullopt;
    const auto detail = take_number(text);
    if (!detail || (!text.empty() && text[0] != ' ')) return std::nullopt;
    return EnhancedCode{klass, *subject, *detail};
}

Reply::Reply(std::uint16_t reply_code, std::string reply_text)
    : code(reply_code), text(std::move(reply_text)) {}

Reply::Reply(std::uint16_t reply_code, EnhancedCode enhanced_code, std::string reply_text)
    : code(reply_code), enhanced(enhanced_code), text(std::move(reply_text)) {}

void append_wire(std::string& out, const Reply& reply) {
    // "250-" and CRLF, and the enhanced code with its space.
    const std::size_t overhead = 6 + (reply.enhanced ? to_string(*reply.enhanced).size() + 1 : 0);
    const std::size_t room = kMaxReplyLine - overhead;
    std::string_view rest = reply.text;
    while (true) {
        const std::size_t newline = rest.find('\n');
        const std::string_view line = rest.substr(0, newline);
        const std::size_t length = cut_length(line, room);
        const bool last = newline == std::string_view::npos && length == line.size();
        append_line(out, reply, last, line.substr(0, length));
        if (last) return;
        rest.remove_prefix(length == line.size() ? newline + 1 : length);
    }
}

std::string to_wire(const Reply& reply) {
    std::string out;
    append_wire(out, reply);
    return out;
}

std::string to_line(const Reply& reply) {
    std::string out;
    append_number(out, reply.code);
    if (reply.enhanced) {
        out += ' ';
        out += to_string(*reply.enhanced);
    }
    if (!reply.text.empty()) {
        out += ' ';
        append_printable(out, reply.text);
    }
    return out;
}

std::string to_rule_subject(const Reply& reply) {
    std::string out;
    append_number(out, reply.code);
    out += ' ';
    out += reply.enhanced ? to_string(*reply.enhanced) : std::string("-");
    out += ' ';
    append_printable(out, reply.text);
    return out;
}

}  // namespace posthouse::protocol
