// A command line in, a ParsedCommand or the Reply that refuses it out. Pure; any bytes may be given.
//
// Strict where laxness is dangerous: control octets, duplicate or unknown parameters, sizes that are not
// plain bounded decimals and broken xtext are refused. Lax where clients in the field are sloppy and it harms
// nobody: verbs and keywords in any case, spaces at the end of a line, spaces behind "FROM:" and "TO:", and
// any host-like word as the argument of HELO and EHLO (RFC 5321 4.1.4 forbids refusing a client for its
// name).
//
// RFC 5321 4.1.1 and 4.1.2, 4.5.3.1; parameters: RFC 1870, 6152, 6531, 3461, 4954 5; chunks: RFC 3030 2.
#pragma once

#include "protocol/command.h"
#include "protocol/reply.h"

#include <expected>
#include <string_view>

namespace posthouse::protocol {

struct ParseOptions {
    // SMTPUTF8 was given on MAIL of the current transaction: RCPT may carry UTF-8. MAIL itself needs no hint.
    bool smtputf8 = false;
};

// `line` without its CRLF. The caller has looked at Line::too_long and Line::bare_newline.
[[nodiscard]] std::expected<ParsedCommand, Reply> parse_command(std::string_view line,
                                                                const ParseOptions& options = {});

// Only the verb, without judging the rest: state is checked before syntax, and a BDAT whose size cannot be
// read must end the connection, since nobody knows where its octets end.
[[nodiscard]] Verb verb_of(std::string_view line);
[[nodiscard]] Verb verb_of(const ParsedCommand& command);
[[nodiscard]] std::string_view to_string(Verb verb);  // "STARTTLS"; "?" for Unknown

// A chunk larger than this is refused as a syntax error, so that sums of sizes cannot overflow.
inline constexpr std::uint64_t kMaxChunkSize = (1ULL << 62U);

}  // namespace posthouse::protocol
