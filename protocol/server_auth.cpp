// The AUTH exchange of ServerSession: PLAIN and LOGIN.
//
// RFC 4954 (AUTH), RFC 4616 (PLAIN). LOGIN has no RFC: two prompts, two answers, the name may come with the
// command.
#include "protocol/base64.h"
#include "protocol/reply_codes.h"
#include "protocol/server_machine.h"
#include "protocol/utf8.h"

#include <utility>

namespace posthouse::protocol {

using State = ServerState;

bool ServerSession::Machine::auth_offered() const {
    return options->auth != AuthPolicy::None && (connection.tls || options->auth_in_clear);
}

std::optional<Reply> ServerSession::Machine::check_auth(const ParsedCommand& command) const {
    if (!connection.esmtp) return replies::bad_sequence("Send EHLO first");
    if (!connection.login.empty()) return replies::already_authenticated();
    if (options->auth == AuthPolicy::None) return replies::not_implemented();
    if (!auth_offered()) {
        return options->offer_starttls
                   ? replies::encryption_required()
                   : Reply(538, EnhancedCode{5, 7, 11},
                           "Logins are refused here because this listener does not encrypt, use another one");
    }
    const auto mechanism = parse_auth_mechanism(std::get<command::Auth>(command).mechanism);
    if (mechanism != AuthMechanism::Plain && mechanism != AuthMechanism::Login)
        return replies::unknown_mechanism();
    return std::nullopt;
}

void ServerSession::Machine::proceed_auth(ParsedCommand& command) {
    auto& request = std::get<command::Auth>(command);
    auth = AuthExchange();
    if (parse_auth_mechanism(request.mechanism) == AuthMechanism::Login)
        auth.mechanism = AuthMechanism::Login;
    if (request.initial_response) {
        auth_response(*request.initial_response);
        wipe(*request.initial_response);
        return;
    }
    if (auth.mechanism == AuthMechanism::Login) {
        say(replies::challenge(base64_encode("Username:")));
    } else {
        out += "334 \r\n";  // RFC 4954 4: an empty challenge keeps the space
    }
    enter(State::AuthLine);
}

void ServerSession::Machine::auth_line(std::string_view line) {
    if (line == "*") {
        enter(State::Identified);
        return refuse(replies::auth_cancelled());
    }
    auth_response(line);
}

void ServerSession::Machine::auth_response(std::string_view base64) {
    const auto malformed = [this](const Reply& reply) {
        if (state != State::Identified) enter(State::Identified);
        refuse(reply);
    };
    auto message = base64_decode(base64);
    if (!message) return malformed(replies::bad_base64());

    if (auth.mechanism == AuthMechanism::Plain) {
        auto claim = parse_plain(*message);
        wipe(*message);
        if (!claim && claim.error() == PlainFault::Foreign) return auth_refused();
        if (!claim) return malformed(replies::syntax_error("expected [authzid] NUL login NUL password"));
        auth.claim = std::move(*claim);
        wipe(claim->password);
        return enter(State::AuthCheck);
    }
    if (message->empty() || message->find('\0') != std::string::npos) {
        return malformed(replies::syntax_error("a login or password is empty or contains NUL"));
    }
    if (!auth.has_login) {
        if (has_control_characters(*message))
            return malformed(replies::syntax_error("control octets in the login"));
        auth.has_login = true;
        auth.claim.login = std::move(*message);
        say(replies::challenge(base64_encode("Password:")));
        return enter(State::AuthLine);
    }
    auth.claim.password = std::move(*message);
    wipe(*message);
    enter(State::AuthCheck);
}

// The same words whether the name, the password or the claim to be somebody else is at fault: no enumeration.
void ServerSession::Machine::auth_refused() {
    if (state != State::Identified) enter(State::Identified);
    refuse(replies::bad_credentials());
    if (state == State::Closing) return;
    if (++auth_failures >= options->max_auth_failures) {
        close_saying(replies::too_many_auth_failures(options->hostname));
    }
}

void ServerSession::Machine::auth_verdict(AuthVerdict verdict) {
    answered(State::AuthCheck);
    switch (verdict) {
        case AuthVerdict::Accepted:
            connection.login = std::move(auth.claim.login);
            say(replies::authenticated());
            return enter(State::Identified);
        case AuthVerdict::Refused:
            return auth_refused();
        case AuthVerdict::Unavailable:
            say(replies::auth_unavailable());
            return enter(State::Identified);
    }
}

}  // namespace posthouse::protocol
