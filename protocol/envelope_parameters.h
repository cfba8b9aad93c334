// The ESMTP parameters behind the path of MAIL and RCPT. Pure; part of the command parser, apart for its
// size.
//
// Every parameter may be given once. A value that breaks its grammar is answered 501 5.5.4, a parameter or
// value that we do not know 555 5.5.4 (RFC 5321 4.1.1.11). xtext must decode to text without control octets:
// an ENVID or ORCPT goes into reports and upstream commands, where a decoded CR LF would begin a line of its
// own.
//
// RFC 5321 4.1.2 (esmtp-param), 1870 (SIZE), 6152 (BODY), 6531 (SMTPUTF8), 3461 4 (RET, ENVID, NOTIFY,
// ORCPT), 4954 5 (AUTH).
#pragma once

#include "protocol/command.h"
#include "protocol/reply.h"

#include <optional>
#include <string_view>

namespace posthouse::protocol {

// `parameters` begins behind the path and its spaces; the fields of `mail` are set as they are met. Nothing:
// all good.
[[nodiscard]] std::optional<Reply> parse_mail_parameters(std::string_view parameters, command::Mail& mail);

// `smtputf8`: in force for this transaction, so ORCPT=utf-8;... may hold UTF-8 (RFC 6533 3).
[[nodiscard]] std::optional<Reply> parse_rcpt_parameters(std::string_view parameters, bool smtputf8,
                                                         Recipient& recipient);

}  // namespace posthouse::protocol
