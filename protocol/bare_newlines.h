// What becomes of a CR without LF, or a LF without CR, in message content (clients.bare_newlines).
//
// RFC 5321 2.3.8: only CRLF ends a line, and neither octet may be sent alone. Servers that were kinder than
// that made SMTP smuggling possible (CVE-2023-51764 and its family), so there is no third choice that passes
// them on.
#pragma once

#include <cstdint>

namespace posthouse::protocol {

enum class BareNewlines : std::uint8_t {
    Reject,     // the message is refused at its end
    Normalize,  // every bare CR and every bare LF becomes one CRLF of its own; none ever ends the data
};

}  // namespace posthouse::protocol
