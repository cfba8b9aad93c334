// The value of a Content-Type field, as far as posthouse needs it: the media type and where parts end. Pure.
//
// RFC 2045 5.1 with quoted strings and comments; RFC 2231 continuations are not read (a boundary given that
// way counts as missing).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace posthouse::protocol {

struct ContentType {
    std::string type;      // lower case, "text"
    std::string subtype;   // lower case, "plain"
    std::string boundary;  // empty if there is none
};

// Nothing if the value does not begin with type "/" subtype.
[[nodiscard]] std::optional<ContentType> parse_content_type(std::string_view value);

// The first token of the value of Content-Transfer-Encoding, in lower case; "7bit" if there is none.
[[nodiscard]] std::string parse_transfer_encoding(std::string_view value);

}  // namespace posthouse::protocol
