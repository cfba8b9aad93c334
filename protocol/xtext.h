// xtext: how ENVID, ORCPT and AUTH= carry text inside an SMTP parameter. Pure.
//
// RFC 3461 4: printable ASCII but '+' and '=' stands for itself, everything else is "+" and two upper-case
// hex digits.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace posthouse::protocol {

[[nodiscard]] std::string xtext_encode(std::string_view octets);
// Strict; nothing if `text` is no xtext. The result may hold any octet: see has_control_characters().
[[nodiscard]] std::optional<std::string> xtext_decode(std::string_view text);

}  // namespace posthouse::protocol
