#include "protocol/reply_parser.h"

#include <utility>

namespace posthouse::protocol {

namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// 0 if the line does not begin with a reply code.
std::uint16_t read_code(std::string_view line) {
    if (line.size() < 3 || line[0] < '2' || line[0] > '5' || !is_digit(line[1]) || !is_digit(line[2]))
        return 0;
    return static_cast<std::uint16_t>((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
}

void append_sanitized(std::string& out, std::string_view text) {
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (c == '\t') {
            out += ' ';
        } else {
            out += octet < 0x20 || octet == 0x7f ? '?' : c;
        }
    }
}

// The text behind the enhanced code `code` at its start and the space that follows.
std::string_view without_enhanced_code(std::string_view text, EnhancedCode code) {
    text.remove_prefix(to_string(code).size());
    if (!text.empty()) text.remove_prefix(1);
    return text;
}

}  // namespace

std::string_view to_string(ReplyFault fault) {
    switch (fault) {
        case ReplyFault::BadLine:
            return "sent a line that is no SMTP reply";
        case ReplyFault::CodeChanged:
            return "changed the code inside a multi-line reply";
        case ReplyFault::LineTooLong:
            return "sent a reply line that is too long";
        case ReplyFault::TooManyLines:
            return "sent a reply with too many lines";
        case ReplyFault::TooLarge:
            return "sent a reply that is too large";
    }
    return "sent no SMTP reply";
}

void ReplyParser::feed(std::string_view bytes) {
    if (fault_) return;
    if (begin_ > bytes_.size() / 2) {
        bytes_.erase(0, begin_);
        begin_ = 0;
    }
    bytes_.append(bytes);
}

std::optional<std::expected<Reply, ReplyFault>> ReplyParser::next() {
    while (!fault_) {
        const std::string_view pending = std::string_view(bytes_).substr(begin_);
        const std::size_t newline = pending.find('\n', searched_);
        if (newline == std::string_view::npos) {
            searched_ = pending.size();
            if (pending.size() < kMaxLine) return std::nullopt;
            fault_ = ReplyFault::LineTooLong;
            break;
        }
        if (newline >= kMaxLine) {
            fault_ = ReplyFault::LineTooLong;
            break;
        }
        const bool has_cr = newline > 0 && pending[newline - 1] == '\r';
        bool complete = false;
        fault_ = take_line(pending.substr(0, newline - (has_cr ? 1U : 0U)), complete);
        if (fault_) break;
        begin_ += newline + 1;
        searched_ = 0;
        if (complete) {
            lines_ = 0;
            octets_ = 0;
            return std::exchange(reply_, Reply());
        }
    }
    return std::unexpected(*fault_);
}

std::optional<ReplyFault> ReplyParser::take_line(std::string_view line, bool& complete) {
    const std::uint16_t code = read_code(line);
    if (code == 0 || (line.size() > 3 && line[3] != ' ' && line[3] != '-')) return ReplyFault::BadLine;
    if (lines_ > 0 && code != reply_.code) return ReplyFault::CodeChanged;
    if (++lines_ > kMaxLines) return ReplyFault::TooManyLines;
    octets_ += line.size();
    if (octets_ > kMaxReply) return ReplyFault::TooLarge;

    std::string_view text = line.size() > 4 ? line.substr(4) : std::string_view();
    const auto enhanced = parse_enhanced_code(text);
    if (lines_ == 1) {
        reply_.code = code;
        if (enhanced && enhanced->klass == code / 100) reply_.enhanced = enhanced;
    } else {
        reply_.text += '\n';
    }
    if (enhanced && enhanced == reply_.enhanced) text = without_enhanced_code(text, *enhanced);
    append_sanitized(reply_.text, text);
    complete = line.size() == 3 || line[3] == ' ';
    return std::nullopt;
}

bool ReplyParser::has_leftover() const {
    return lines_ > 0 || begin_ < bytes_.size();
}

std::string_view ReplyParser::leftover() const {
    constexpr std::size_t kShown = 200;
    return std::string_view(bytes_).substr(begin_, kShown);
}

void ReplyParser::clear() {
    *this = ReplyParser();
}

}  // namespace posthouse::protocol
