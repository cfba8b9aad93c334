// Base64 for SASL and MIME. Pure.
//
// RFC 4648 4, read strictly as RFC 4954 4 asks: no white space, no missing or surplus '=', no stray bits.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace posthouse::protocol {

[[nodiscard]] std::string base64_encode(std::string_view octets);  // one line, padded
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

}  // namespace posthouse::protocol
