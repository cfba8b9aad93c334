#include "protocol/quoted_printable.h"

#include "protocol/base64.h"

namespace posthouse::protocol {

namespace {

constexpr std::size_t kRoom = 75;  // of 76, the last is for the "=" of a soft line break
constexpr std::string_view kHex = "0123456789ABCDEF";

constexpr bool is_literal(char c) {
    return c > ' ' && c < 0x7F && c != '=';
}

}  // namespace

void QuotedPrintableEncoder::feed(std::string_view bytes, std::string& out) {
    for (const char c : bytes) {
        if (held_cr_) {
            held_cr_ = false;
            if (c == '\n') {
                if (held_white_ != 0) put(static_cast<unsigned char>(held_white_), false, out);
                held_white_ = 0;
                out += "\r\n";
                column_ = 0;
                soft_line_ = false;
                continue;
            }
            if (held_white_ != 0) put(static_cast<unsigned char>(held_white_), true, out);
            held_white_ = 0;
            put('\r', false, out);
        }
        if (c == '\r') {
            held_cr_ = true;
            continue;
        }
        if (held_white_ != 0) put(static_cast<unsigned char>(held_white_), true, out);
        held_white_ = 0;
        if (c == ' ' || c == '\t') {
            held_white_ = c;
        } else {
            put(static_cast<unsigned char>(c), is_literal(c), out);
        }
    }
}

void QuotedPrintableEncoder::finish(std::string& out) {
    if (held_white_ != 0) put(static_cast<unsigned char>(held_white_), held_cr_, out);
    if (held_cr_) put('\r', false, out);
    held_white_ = 0;
    held_cr_ = false;
}

void QuotedPrintableEncoder::put(unsigned char c, bool literal, std::string& out) {
    if (column_ + (literal ? 1U : 3U) > kRoom) {
        out += "=\r\n";
        column_ = 0;
        soft_line_ = true;
    }
    if (column_ == 0 && soft_line_ && c == '-') literal = false;
    if (literal) {
        out += static_cast<char>(c);
        ++column_;
    } else {
        out += '=';
        out += kHex[c >> 4U];
        out += kHex[c & 0xFU];
        column_ += 3;
    }
}

std::string quoted_printable_encode(std::string_view text) {
    std::string out;
    QuotedPrintableEncoder encoder;
    encoder.feed(text, out);
    encoder.finish(out);
    return out;
}

void Base64LineEncoder::feed(std::string_view bytes, std::string& out) {
    if (!held_.empty()) {
        const std::string_view fill = bytes.substr(0, kOctetsPerLine - held_.size());
        held_ += fill;
        bytes.remove_prefix(fill.size());
        if (held_.size() < kOctetsPerLine) return;
        put_line(held_, out);
        held_.clear();
    }
    while (bytes.size() >= kOctetsPerLine) {
        put_line(bytes.substr(0, kOctetsPerLine), out);
        bytes.remove_prefix(kOctetsPerLine);
    }
    held_ = bytes;
}

void Base64LineEncoder::finish(std::string& out) {
    if (!held_.empty()) put_line(held_, out);
    held_.clear();
}

void Base64LineEncoder::put_line(std::string_view octets, std::string& out) {
    if (!first_line_) out += "\r\n";
    first_line_ = false;
    out += base64_encode(octets);
}

}  // namespace posthouse::protocol
