// The envelope of a message: what MAIL and RCPT said. Plain data, kept in the spool and given to upstreams.
//
// RFC 5321 3.3 (mail transaction), RFC 3461 (DSN parameters), RFC 6152 (BODY), RFC 6531 (SMTPUTF8).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace posthouse::protocol {

enum class BodyType : std::uint8_t { SevenBit, EightBitMime };

enum class DsnReturn : std::uint8_t { Unset, Full, Headers };  // RFC 3461 4.3 RET=

// RFC 3461 4.1 NOTIFY=, a set of these bits; 0 means the parameter was absent. kNotifyNever stands alone.
inline constexpr std::uint8_t kNotifySuccess = 1;
inline constexpr std::uint8_t kNotifyFailure = 2;
inline constexpr std::uint8_t kNotifyDelay = 4;
inline constexpr std::uint8_t kNotifyNever = 8;

struct Recipient {
    std::string address;             // mailbox without <> and without source route, e.g. "a b"@example.org
    std::uint8_t notify = 0;         // kNotify... bits
    std::string original_recipient;  // ORCPT as received, still xtext: "rfc822;user+40x.org"; empty if absent

    friend bool operator==(const Recipient&, const Recipient&) = default;
};

struct Envelope {
    std::string sender;  // mailbox without <>; empty is the null reverse-path "<>"
    std::vector<Recipient> recipients;
    BodyType body = BodyType::SevenBit;
    bool smtputf8 = false;
    DsnReturn dsn_return = DsnReturn::Unset;
    std::string envelope_id;          // ENVID as received (still xtext); empty if absent
    std::uint64_t declared_size = 0;  // SIZE=, 0 if absent; a hint only (RFC 1870 6.1)

    friend bool operator==(const Envelope&, const Envelope&) = default;
};

}  // namespace posthouse::protocol
