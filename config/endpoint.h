// Addresses: where to listen, which networks are trusted, how machines are called.
//
// Addresses are numeric: a name that resolves differently tomorrow has no place in a rule about trust.
// to_string(Endpoint), parse_network and contains are declared in schema.h.
#pragma once

#include "config/fault.h"
#include "config/schema.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse::config {

// "127.0.0.1:2525", "[::1]:587", ":2525" (every address), "unix:/path". IPv6 comes out in its canonical form.
[[nodiscard]] Parsed<Endpoint> parse_endpoint(std::string_view text);

// Only this machine can reach it: a unix socket, 127.0.0.0/8 or ::1.
[[nodiscard]] bool is_loopback(const Endpoint& endpoint);

// A numeric address as 16 octets, IPv4 as ::ffff:a.b.c.d; nothing if it is no address.
[[nodiscard]] std::optional<std::array<std::uint8_t, 16>> parse_address(std::string_view text);
// 127.0.0.0/8, ::1, or the name "localhost".
[[nodiscard]] bool is_loopback_host(std::string_view host);

[[nodiscard]] Parsed<Network> parse_network_or_complain(std::string_view text);
[[nodiscard]] std::string to_string(const Network& network);  // "10.0.0.0/8"

// A name in DNS: labels of letters, digits, '-' and '_', at most 253 octets (RFC 1035 2.3.4).
[[nodiscard]] bool is_domain_name(std::string_view text);

}  // namespace posthouse::config
