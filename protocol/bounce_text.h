// The words of a bounce: what of foreign text may be shown, how it is laid out, and the part that a person
// reads. Used by build_bounce() only. Pure.
//
// RFC 5322 2.1.1 (lines of at most 998 octets), 2.2.3 (folding), RFC 6533 3 (utf-8 addresses in ASCII).
#pragma once

#include "protocol/bounce_builder.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace posthouse::protocol {

enum class Charset : std::uint8_t { Ascii, Utf8 };

// Text from outside, made fit for one place: control characters (line ends too) and what the charset cannot
// hold become '?', and more than kMaxShown octets are cut.
inline constexpr std::size_t kMaxShown = 2000;
[[nodiscard]] std::string shown(std::string_view text, Charset charset);

// "Name: value" with CRLF, folded at spaces; a stretch without spaces is broken before it reaches 998 octets.
void append_field(std::string& out, std::string_view name, std::string_view value);

// Lines of at most 72 columns with CRLF, each behind `indent`.
void append_paragraph(std::string& out, std::string_view indent, std::string_view text);

// An address that is not ASCII as printable ASCII: utf-8-addr-xtext, "\x{E4}@example.org".
[[nodiscard]] std::string ascii_form(std::string_view utf8_address);

// The part for people, UTF-8 if a name or reply in it is.
[[nodiscard]] std::string bounce_words(const Bounce& bounce);

}  // namespace posthouse::protocol
