// Mailboxes and paths as MAIL and RCPT carry them. Pure; any bytes may be given.
//
// The canonical form has no <>, no source route (RFC 5321 4.1.1.3: accepted and ignored) and no needless
// quoting (RFC 5321 4.1.2: "a\b"@example.org is ab@example.org); parsing it again gives itself. Case is kept.
// Refused although the grammar is silent or lax: C1 controls in UTF-8. Accepted although it is not in the
// grammar:
// '_' in domain labels, since such host names exist and the upstream is the one to judge.
//
// RFC 5321 4.1.2 and 4.1.3 (syntax), 4.5.3.1 (64, 255 and 256 octets); RFC 6531 3.3 (UTF-8).
#pragma once

#include "protocol/utf8.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace posthouse::protocol {

inline constexpr std::size_t kMaxLocalPart = 64;
inline constexpr std::size_t kMaxDomain = 255;
inline constexpr std::size_t kMaxPath = 256;  // with < and >

enum class AddressFault : std::uint8_t {
    Brackets,   // no < at the start, or no > to match
    LocalPart,  // empty, a control or special character, or a quote that does not end
    Domain,     // missing, empty label, bad character, label over 63 octets
    Literal,    // [..] that is no IPv4, IPv6 or tagged address
    Route,      // @a,@b: that does not parse
    LocalTooLong,
    DomainTooLong,
    PathTooLong,
    NonAscii,  // needs SMTPUTF8
    BadUtf8,
};
[[nodiscard]] std::string_view to_string(AddressFault fault);  // "the local part is longer than 64 octets"

struct PathRules {
    bool utf8 = false;              // SMTPUTF8 is in force
    bool allow_null = false;        // "<>" (MAIL)
    bool allow_postmaster = false;  // "<postmaster>" in any case (RCPT)
};

struct Path {
    std::string mailbox;     // canonical; empty for "<>"
    std::size_t length = 0;  // octets read, from '<' to '>'
};

// Reads one path at the start of `text`; what stands behind it is the caller's.
[[nodiscard]] std::expected<Path, AddressFault> parse_path(std::string_view text, PathRules rules);

// The whole of `text` as one mailbox without <> (configuration, command line, canonical forms).
[[nodiscard]] std::expected<std::string, AddressFault> parse_mailbox(std::string_view text, bool utf8);

// Of a canonical mailbox; the domain is "" for "" and "postmaster". Literals keep their brackets.
[[nodiscard]] std::string_view domain_of(std::string_view mailbox);
[[nodiscard]] std::string_view local_part_of(std::string_view mailbox);  // with its quotes

// A domain or address literal, as in the second half of a mailbox.
[[nodiscard]] bool is_domain(std::string_view text, bool utf8);

}  // namespace posthouse::protocol
