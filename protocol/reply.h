// An SMTP reply: three-digit code, optional enhanced status code, text. The same type carries what we say to
// clients and what upstreams say to us.
//
// RFC 5321 4.2: reply format and the meaning of the first digit.
// RFC 2034, RFC 3463: enhanced status codes "class.subject.detail".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse::protocol {

struct EnhancedCode {
    std::uint8_t klass = 2;     // 2, 4 or 5
    std::uint16_t subject = 0;  // 0..999
    std::uint16_t detail = 0;   // 0..999

    friend bool operator==(const EnhancedCode&, const EnhancedCode&) = default;
};

[[nodiscard]] std::string to_string(EnhancedCode code);  // "5.7.1"

// Reads "5.7.1" at the start of `text` if it is followed by a space or the end; nothing otherwise.
[[nodiscard]] std::optional<EnhancedCode> parse_enhanced_code(std::string_view text);

struct Reply {
    std::uint16_t code = 0;                // 200..599
    std::optional<EnhancedCode> enhanced;  // without it, the text stands alone (greeting, EHLO, 334, 354)
    std::string text;                      // without the codes; lines separated by '\n', no CR

    Reply() = default;
    Reply(std::uint16_t reply_code, std::string reply_text);
    Reply(std::uint16_t reply_code, EnhancedCode enhanced_code, std::string reply_text);

    [[nodiscard]] bool positive() const { return code >= 200 && code < 300; }
    [[nodiscard]] bool intermediate() const { return code >= 300 && code < 400; }
    [[nodiscard]] bool transient() const { return code >= 400 && code < 500; }
    [[nodiscard]] bool permanent() const { return code >= 500 && code < 600; }

    friend bool operator==(const Reply&, const Reply&) = default;
};

// The bytes to send: every line "250-5.7.1 text CRLF", the last "250 5.7.1 text CRLF". Lines are cut so that
// none exceeds 512 octets with its CRLF (RFC 5321 4.5.3.1.5); CR, NUL and other control octets in the text
// become '?'.
void append_wire(std::string& out, const Reply& reply);
[[nodiscard]] std::string to_wire(const Reply& reply);

// One line for logs, rules and people: "550 5.7.1 text", lines joined by a space, control octets escaped as
// \xNN.
[[nodiscard]] std::string to_line(const Reply& reply);

// What reply rules match on: "<code> <enhanced or -> <text>", lines joined by a space.
[[nodiscard]] std::string to_rule_subject(const Reply& reply);

}  // namespace posthouse::protocol
