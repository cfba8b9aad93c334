#include "protocol/server_session.h"

#include "protocol/command_parser.h"
#include "protocol/reply_codes.h"
#include "protocol/server_machine.h"
#include "protocol/server_table.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

namespace posthouse::protocol {
namespace {

using State = ServerState;

// Beyond this much unsent output a Send goes out although more input could be worked on: bounds memory.
constexpr std::size_t kFlushAt = std::size_t{16} * 1024;

// AUTH lines have an enhanced code of their own for this (RFC 4954 6), commands the general one.
Reply command_too_long() {
    return {500, EnhancedCode{5, 5, 2}, "Command line too long"};
}

constexpr StateSet kQuestions{State::AuthCheck,   State::SenderCheck,  State::RecipientCheck,
                              State::DataOpening, State::ChunkOpening, State::Committing};

}  // namespace

// --- The pump ---

ServerSession::Machine::Machine(std::shared_ptr<const ServerOptions> session_options)
    : options(std::move(session_options)), input(std::max(kMaxSaslLine, options->max_command_line)) {}

ServerSession::Machine::~Machine() {
    wipe(auth.claim.password);
}

void ServerSession::Machine::enter(State next) {
    assert(next == State::Closing || rule_of(state).next.contains(next));
    state = next;
    asked = false;
}

void ServerSession::Machine::forget_sent() {
    if (!sent) return;
    sent = false;
    out.clear();
}

ServerSession::Action ServerSession::Machine::next_action() {
    while (true) {
        if (ending != Ending::None && !kQuestions.contains(state)) {
            // Once is enough: a second end changes nothing.
            end_now(std::exchange(ending, Ending::None));
        }
        if (abort_due) {
            abort_due = false;
            return AbortMessage{};
        }
        if (out.size() >= kFlushAt) return need_input(ServerDeadline::Command);

        switch (state) {
            case State::Created:
                return Wait{};
            case State::Connected:
            case State::Identified:
            case State::MailGiven:
            case State::RcptGiven:
            case State::AuthLine:
                if (stopping) {
                    close_saying(replies::shutting_down(options->hostname));
                    continue;
                }
                [[fallthrough]];
            case State::BetweenChunks:
                if (!take_line()) return need_input(ServerDeadline::Command);
                continue;
            case State::AuthCheck:
            case State::SenderCheck:
            case State::RecipientCheck:
            case State::DataOpening:
            case State::ChunkOpening:
            case State::Committing:
                return question();
            case State::Data:
                if (auto action = take_data()) return std::move(*action);
                if (state == State::Data) return need_input(ServerDeadline::DataBlock);
                continue;
            case State::Chunk:
                if (auto action = take_chunk()) return std::move(*action);
                if (state == State::Chunk) return need_input(ServerDeadline::DataBlock);
                continue;
            case State::RefusedChunk:
                if (!skip_octets()) return need_input(ServerDeadline::DataBlock);
                continue;
            case State::TlsHandshake:
                if (!out.empty()) return need_input(ServerDeadline::TlsHandshake);
                if (std::exchange(asked, true)) return Wait{};
                return StartTls{};
            case State::Closing:
                if (!out.empty()) return need_input(ServerDeadline::Command);
                return Close{};
        }
    }
}

// What was gathered goes out before anything is waited for (RFC 2920 3.2).
ServerSession::Action ServerSession::Machine::need_input(ServerDeadline deadline) {
    if (out.empty()) return NeedInput{deadline};
    sent = true;
    return Send{out};
}

ServerSession::Action ServerSession::Machine::question() {
    if (std::exchange(asked, true)) return Wait{};
    switch (state) {
        case State::AuthCheck: {
            CheckAuth check{auth.claim.login, std::move(auth.claim.password)};
            wipe(auth.claim.password);
            return check;
        }
        case State::SenderCheck:
            return CheckSender{transaction.envelope};
        case State::RecipientCheck:
            return CheckRecipient{transaction.envelope};
        case State::Committing:
            return CommitMessage{};
        default:
            assert(state == State::DataOpening || state == State::ChunkOpening);
            return OpenMessage{transaction.envelope};
    }
}

bool ServerSession::Machine::take_line() {
    const auto line = input.next_line();
    if (!line) return false;
    if (state == State::AuthLine) {
        if (line->too_long || line->bare_newline) {
            enter(State::Identified);
            refuse(line->too_long ? replies::line_too_long() : replies::bad_command_line());
        } else {
            auth_line(line->text);
        }
        input.wipe_consumed();
        return true;
    }
    if (line->too_long) {
        refuse(command_too_long());
    } else if (line->bare_newline) {
        refuse(replies::bad_command_line());
    } else {
        run_command(line->text);
    }
    return true;
}

void ServerSession::Machine::run_command(std::string_view line) {
    const Verb verb = verb_of(line);
    // RFC 4954 4: only AUTH may have longer lines.
    if (verb != Verb::Auth && line.size() + 2 > options->max_command_line) return refuse(command_too_long());
    const CommandRule* rule = rule_of(verb);

    // State before syntax, but for BDAT: its octets follow whatever we think of it (RFC 3030 4.2).
    const bool allowed = rule == nullptr || rule->allowed.contains(state);
    if (!allowed && verb != Verb::Bdat) {
        if (verb == Verb::Auth) input.wipe_consumed();
        return refuse(out_of_order(verb));
    }
    auto command = parse_command(line, ParseOptions{.smtputf8 = transaction.envelope.smtputf8});
    if (verb == Verb::Auth) input.wipe_consumed();
    if (!command) {
        if (verb == Verb::Bdat) return close_saying(replies::out_of_step(options->hostname));
        // RFC 2034 3: no enhanced code in an answer to HELO or EHLO.
        if (verb == Verb::Helo || verb == Verb::Ehlo) command.error().enhanced.reset();
        return refuse(command.error());
    }
    if (const auto* unknown = std::get_if<command::Unknown>(&*command)) {
        if (unknown->looks_like_http) return close_saying(replies::not_http(options->hostname));
        return refuse(replies::unknown_command());
    }
    assert(rule != nullptr);
    if (!allowed) return skip_chunk(std::get<command::Bdat>(*command).size, out_of_order(verb), state);
    if (const auto refusal = (this->*rule->check)(*command)) return refuse(*refusal);
    [[maybe_unused]] const State before = state;
    (this->*rule->proceed)(*command);
    assert(state == before || state == State::Closing || rule->leads_to.contains(state));
}

void ServerSession::Machine::answered([[maybe_unused]] State question) {
    assert(state == question && asked);
}

void ServerSession::Machine::say(const Reply& reply) {
    append_wire(out, reply);
}

void ServerSession::Machine::refuse(const Reply& reply) {
    say(reply);
    if (state == State::Closing) return;
    if (reply.code == 421) return close();  // RFC 5321 3.8: whoever says it closes
    if (!reply.permanent()) return;
    if (++errors >= options->max_errors) close_saying(replies::too_many_errors(options->hostname));
}

void ServerSession::Machine::close() {
    end_transaction();
    input.clear();
    enter(State::Closing);
}

void ServerSession::Machine::close_saying(const Reply& reply) {
    say(reply);
    close();
}

void ServerSession::Machine::end_now(Ending how) {
    if (state == State::Closing) {
        if (how == Ending::PeerGone) out.clear();
        return;
    }
    const bool can_talk = how == Ending::Expired && state != State::TlsHandshake;
    if (can_talk) {
        say(replies::timed_out(options->hostname));
    } else {
        out.clear();
    }
    close();
}

void ServerSession::Machine::end_transaction() {
    if (transaction.message_open) abort_due = true;
    if (transaction.open) transaction = Transaction();
}

// --- The public face ---

ServerSession::ServerSession(std::shared_ptr<const ServerOptions> options)
    : machine_(std::make_unique<Machine>(std::move(options))) {}
ServerSession::~ServerSession() = default;
ServerSession::ServerSession(ServerSession&&) noexcept = default;
ServerSession& ServerSession::operator=(ServerSession&&) noexcept = default;

void ServerSession::start(bool trusted_network, std::optional<TlsFacts> tls) {
    machine_->connection.trusted_network = trusted_network;
    machine_->connection.tls = std::move(tls);
    machine_->say(replies::greeting(machine_->options->hostname));
    machine_->enter(State::Connected);
}

void ServerSession::start_refusing(const Reply& reply) {
    assert(machine_->state == State::Created);
    machine_->close_saying(reply);
}

void ServerSession::receive(std::string_view bytes) {
    machine_->forget_sent();
    // What comes behind our last words is not ours to read.
    if (machine_->state != State::Closing) machine_->input.append(bytes);
}

void ServerSession::peer_closed() {
    machine_->forget_sent();
    machine_->ending = Machine::Ending::PeerGone;
}

void ServerSession::deadline_passed() {
    machine_->forget_sent();
    if (machine_->ending == Machine::Ending::None) machine_->ending = Machine::Ending::Expired;
}

void ServerSession::tls_ready(TlsFacts tls) {
    machine_->forget_sent();
    machine_->answered(State::TlsHandshake);
    // RFC 3207 4.2: what was learnt in clear is forgotten, as is what may have been injected behind the
    // command.
    machine_->input.clear();
    machine_->connection = Machine::Connection{.client_name = {},
                                               .esmtp = false,
                                               .login = {},
                                               .tls = std::move(tls),
                                               .trusted_network = machine_->connection.trusted_network};
    machine_->enter(State::Connected);
}

void ServerSession::shut_down() {
    machine_->forget_sent();
    machine_->stopping = true;
}

void ServerSession::auth_verdict(AuthVerdict verdict) {
    machine_->forget_sent();
    machine_->auth_verdict(verdict);
}

void ServerSession::sender_verdict(std::optional<Reply> refusal) {
    machine_->forget_sent();
    machine_->sender_verdict(std::move(refusal));
}

void ServerSession::recipient_verdict(std::optional<Reply> refusal) {
    machine_->forget_sent();
    machine_->recipient_verdict(std::move(refusal));
}

void ServerSession::message_opened(std::optional<Reply> refusal) {
    machine_->forget_sent();
    machine_->message_opened(std::move(refusal));
}

void ServerSession::message_refused(Reply reply) {
    machine_->forget_sent();
    machine_->message_refused(std::move(reply));
}

void ServerSession::message_stored(std::string_view queue_id) {
    machine_->forget_sent();
    machine_->message_stored(queue_id);
}

ServerSession::Action ServerSession::next_action() {
    machine_->forget_sent();
    return machine_->next_action();
}

const std::string& ServerSession::client_name() const {
    return machine_->connection.client_name;
}
bool ServerSession::esmtp() const {
    return machine_->connection.esmtp;
}
const std::string& ServerSession::login() const {
    return machine_->connection.login;
}
const std::optional<TlsFacts>& ServerSession::tls() const {
    return machine_->connection.tls;
}
bool ServerSession::in_transaction() const {
    return machine_->transaction.open;
}

}  // namespace posthouse::protocol
