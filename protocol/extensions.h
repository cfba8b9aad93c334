// The extensions of an EHLO reply: the lines that we offer, and what an upstream offered. Pure.
//
// RFC 5321 4.1.1.1 (EHLO), RFC 2034, 2920, 1870, 6152, 6531, 3030, 3207, 4954, 3461, 8689.
#pragma once

#include "protocol/client_dialogue.h"
#include "protocol/reply.h"

#include <cstdint>
#include <string_view>

namespace posthouse::protocol {

struct OfferedExtensions {
    bool starttls = false;       // never inside TLS
    bool auth = false;           // AUTH PLAIN LOGIN
    std::uint64_t max_size = 0;  // SIZE; 0: no fixed limit (RFC 1870 4)
};

// PIPELINING, SIZE, 8BITMIME, SMTPUTF8, ENHANCEDSTATUSCODES, CHUNKING and DSN are always offered.
[[nodiscard]] Reply ehlo_reply(std::string_view hostname, const OfferedExtensions& offered);

// Tolerant: keywords in any case, unknown ones skipped, "AUTH=LOGIN PLAIN" taken like "AUTH LOGIN PLAIN", a
// SIZE that is no number or too large for 64 bits taken as no limit. Mechanisms we do not know are left out.
[[nodiscard]] ServerCapabilities parse_ehlo_reply(const Reply& reply);

}  // namespace posthouse::protocol
