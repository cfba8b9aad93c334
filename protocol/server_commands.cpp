// The commands of ServerSession other than AUTH, DATA's content and BDAT: what the transition table names.
#include "protocol/extensions.h"
#include "protocol/reply_codes.h"
#include "protocol/server_machine.h"

#include <utility>

namespace posthouse::protocol {

using State = ServerState;

Reply ServerSession::Machine::out_of_order(Verb verb) const {
    if (state == State::Connected) return replies::bad_sequence("Send EHLO first");
    if (verb == Verb::Auth) return replies::bad_sequence("AUTH is not possible inside a transaction");
    if (verb == Verb::StartTls) return replies::bad_sequence("STARTTLS is not possible inside a transaction");
    if (state == State::BetweenChunks) {
        return replies::bad_sequence("Finish the message with BDAT LAST, or send RSET");
    }
    if (verb == Verb::Mail) return replies::bad_sequence("A transaction is open, finish it or send RSET");
    if (state == State::MailGiven) {
        return transaction.recipient_refused ? replies::no_valid_recipients()
                                             : replies::bad_sequence("Send RCPT first");
    }
    return replies::bad_sequence(verb == Verb::Rcpt ? "Send MAIL first" : "Send MAIL and RCPT first");
}

std::optional<Reply> ServerSession::Machine::check_nothing(const ParsedCommand&) const {
    return std::nullopt;
}

void ServerSession::Machine::proceed_helo(ParsedCommand& command) {
    end_transaction();
    connection.client_name = std::move(std::get<command::Helo>(command).client);
    connection.esmtp = false;
    say(replies::helo(options->hostname));
    enter(State::Identified);
}

void ServerSession::Machine::proceed_ehlo(ParsedCommand& command) {
    end_transaction();
    connection.client_name = std::move(std::get<command::Ehlo>(command).client);
    connection.esmtp = true;
    say(ehlo_reply(options->hostname, {.starttls = options->offer_starttls && !connection.tls,
                                       .auth = auth_offered(),
                                       .max_size = options->max_message_size}));
    enter(State::Identified);
}

std::optional<Reply> ServerSession::Machine::check_mail(const ParsedCommand& command) const {
    const bool logged_in = !connection.login.empty();
    const bool trusted = connection.trusted_network && options->auth != AuthPolicy::Required;
    if (!logged_in && !trusted) {
        if (options->auth == AuthPolicy::None) {
            return Reply(
                554, EnhancedCode{5, 7, 1},
                "Relaying denied: mail is taken from trusted networks only, and yours is none of them");
        }
        // Nobody can log in here before the connection is encrypted: say so first (RFC 3207 4).
        if (!auth_offered() && options->offer_starttls) return replies::starttls_required();
        return replies::auth_required();
    }
    // RFC 1870 6.1: the declared size is a hint, taken as such: too large is refused, too small is found out
    // later.
    const auto& mail = std::get<command::Mail>(command);
    if (mail.size && *mail.size > options->max_message_size) return replies::message_too_big();
    return std::nullopt;
}

void ServerSession::Machine::proceed_mail(ParsedCommand& command) {
    auto& mail = std::get<command::Mail>(command);
    transaction.open = true;
    transaction.envelope = Envelope{.sender = std::move(mail.sender),
                                    .recipients = {},
                                    .body = mail.body,
                                    .smtputf8 = mail.smtputf8,
                                    .dsn_return = mail.dsn_return,
                                    .envelope_id = std::move(mail.envelope_id),
                                    .declared_size = mail.size.value_or(0)};
    enter(State::SenderCheck);
}

void ServerSession::Machine::sender_verdict(std::optional<Reply> refusal) {
    answered(State::SenderCheck);
    if (refusal) {
        end_transaction();
        enter(State::Identified);
        return refuse(*refusal);
    }
    say(replies::sender_ok());
    enter(State::MailGiven);
}

std::optional<Reply> ServerSession::Machine::check_rcpt(const ParsedCommand&) const {
    if (transaction.envelope.recipients.size() >= options->max_recipients)
        return replies::too_many_recipients();
    return std::nullopt;
}

void ServerSession::Machine::proceed_rcpt(ParsedCommand& command) {
    transaction.envelope.recipients.push_back(std::move(std::get<command::Rcpt>(command).recipient));
    enter(State::RecipientCheck);
}

void ServerSession::Machine::recipient_verdict(std::optional<Reply> refusal) {
    answered(State::RecipientCheck);
    if (refusal) {
        transaction.recipient_refused = true;
        transaction.envelope.recipients.pop_back();
    }
    enter(transaction.envelope.recipients.empty() ? State::MailGiven : State::RcptGiven);
    if (refusal) return refuse(*refusal);
    say(replies::recipient_ok());
}

void ServerSession::Machine::proceed_data(ParsedCommand&) {
    transaction.decoder.emplace(options->bare_newlines);
    enter(State::DataOpening);
}

void ServerSession::Machine::proceed_rset(ParsedCommand&) {
    end_transaction();
    say(replies::ok());
    if (state != State::Connected) enter(State::Identified);
}

void ServerSession::Machine::proceed_noop(ParsedCommand&) {
    say(replies::ok());
}
void ServerSession::Machine::proceed_help(ParsedCommand&) {
    say(replies::help());
}
void ServerSession::Machine::proceed_vrfy(ParsedCommand&) {
    say(replies::cannot_verify());
}
void ServerSession::Machine::proceed_expn(ParsedCommand&) {
    refuse(replies::not_implemented());
}
void ServerSession::Machine::proceed_quit(ParsedCommand&) {
    close_saying(replies::closing(options->hostname));
}

std::optional<Reply> ServerSession::Machine::check_starttls(const ParsedCommand&) const {
    if (connection.tls) return replies::bad_sequence("The connection is already encrypted");
    if (!options->offer_starttls) return replies::not_implemented();
    return std::nullopt;
}

void ServerSession::Machine::proceed_starttls(ParsedCommand&) {
    say(replies::ready_for_tls());
    // RFC 3207 6: commands injected behind STARTTLS must never be taken for what comes inside TLS.
    input.clear();
    enter(State::TlsHandshake);
}

}  // namespace posthouse::protocol
