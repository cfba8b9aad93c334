// The commands of a submission client, parsed. Plain data; command_parser.h makes them.
//
// RFC 5321 4.1.1, RFC 3030 (BDAT), RFC 3207 (STARTTLS), RFC 4954 (AUTH), RFC 3461 (DSN), RFC 1870, 6152,
// 6531.
#pragma once

#include "protocol/envelope.h"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace posthouse::protocol {

// In the order of ParsedCommand's alternatives: verb_of(line) and ParsedCommand::index() agree.
enum class Verb : std::uint8_t {
    Helo,
    Ehlo,
    Mail,
    Rcpt,
    Data,
    Bdat,
    Rset,
    Noop,
    Help,
    Vrfy,
    Expn,
    Quit,
    StartTls,
    Auth,
    Unknown
};

namespace command {

struct Helo {
    std::string client;
};  // a domain or an address literal, printable ASCII without spaces
struct Ehlo {
    std::string client;
};

struct Mail {
    std::string sender;                 // canonical mailbox without <>; empty: the null reverse-path
    std::optional<std::uint64_t> size;  // SIZE=
    BodyType body = BodyType::SevenBit;
    bool smtputf8 = false;
    DsnReturn dsn_return = DsnReturn::Unset;
    std::string envelope_id;          // ENVID= as received (still xtext)
    std::optional<std::string> auth;  // AUTH= decoded; "" for "<>" (RFC 4954 5); nothing trusts it
};

struct Rcpt {
    Recipient recipient;  // <postmaster> gives address "postmaster"
};

struct Data {};
struct Bdat {
    std::uint64_t size = 0;
    bool last = false;
};
struct Rset {};
struct Noop {};
struct Help {};
struct Vrfy {};
struct Expn {};
struct Quit {};
struct StartTls {};

struct Auth {
    std::string mechanism;                        // upper case
    std::optional<std::string> initial_response;  // still base64; "=" (an empty response) is given as ""
};

struct Unknown {
    bool looks_like_http = false;  // a browser was made to post to us: close at once
};

}  // namespace command

using ParsedCommand =
    std::variant<command::Helo, command::Ehlo, command::Mail, command::Rcpt, command::Data, command::Bdat,
                 command::Rset, command::Noop, command::Help, command::Vrfy, command::Expn, command::Quit,
                 command::StartTls, command::Auth, command::Unknown>;

}  // namespace posthouse::protocol
