// What kind of text some octets are: plain ASCII, well-formed UTF-8, or neither. Pure.
//
// RFC 3629: overlong forms, surrogates and code points above U+10FFFF are not UTF-8.
#pragma once

#include <cstddef>
#include <string_view>

namespace posthouse::protocol {

[[nodiscard]] bool is_ascii(std::string_view text);       // no octet >= 0x80
[[nodiscard]] bool is_valid_utf8(std::string_view text);  // ASCII included

// The length of the well-formed UTF-8 sequence at the start of `text` (1 to 4); 0 if there is none.
[[nodiscard]] std::size_t utf8_sequence_length(std::string_view text);

// C0, DEL, and the C1 controls as UTF-8 (U+0080 to U+009F), which terminals obey as well.
[[nodiscard]] bool has_control_characters(std::string_view text);

}  // namespace posthouse::protocol
