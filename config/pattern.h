// The pattern language of addresses in routes and in the users file: '*' stands for any octets, also none;
// every other octet for itself, ASCII letters in either case. Matches the whole text, in O(pattern * text) at
// worst.
#pragma once

#include <string_view>

namespace posthouse::config {

[[nodiscard]] bool matches(std::string_view pattern, std::string_view text);

}  // namespace posthouse::config
