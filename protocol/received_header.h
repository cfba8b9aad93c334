// The Received field that posthouse puts on every submission, and the Message-ID it makes for those without.
//
// Nothing from outside can leave its place: names keep only the characters of domains and address literals,
// an address that is not printable ASCII is left out. Lines stay below 78 columns unless one name is longer.
//
// RFC 5321 4.4 (trace information), RFC 3848 and 6531 4.3 (values of `with`).
#pragma once

#include "protocol/time.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace posthouse::protocol {

struct ReceivedFacts {
    std::string_view client_name;  // argument of HELO/EHLO; empty: not given
    std::string_view
        client_address;            // "192.0.2.1", "2001:db8::1"; anything else: came through a local socket
    std::string_view hostname;     // of this relay
    std::string_view id;           // the queue id
    std::string_view recipient;    // only if the envelope has exactly one, else empty
    std::string_view tls_version;  // empty: no TLS
    std::string_view tls_cipher;
    bool esmtp = true;
    bool authenticated = false;
    bool smtputf8 = false;  // MAIL had SMTPUTF8
    TimePoint now{};
};

// The whole field, with its CRLF.
void append_received(std::string& out, const ReceivedFacts& facts);

// "<id.random@hostname>"
[[nodiscard]] std::string make_message_id(std::string_view id, std::uint64_t random,
                                          std::string_view hostname);

}  // namespace posthouse::protocol
