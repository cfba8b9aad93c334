#include "protocol/client_dialogue.h"

#include "protocol/client_machine.h"
#include "protocol/extensions.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

namespace posthouse::protocol {
namespace {

using Phase = ClientDialogue::Machine::Phase;

struct StageName {
    Stage stage;
    std::string_view name;
};
constexpr std::array kStageNames{
    StageName{Stage::Connect, "connect"}, StageName{Stage::Greeting, "greeting"},
    StageName{Stage::Ehlo, "ehlo"},       StageName{Stage::StartTls, "starttls"},
    StageName{Stage::Tls, "tls"},         StageName{Stage::Auth, "auth"},
    StageName{Stage::Mail, "mail"},       StageName{Stage::Rcpt, "rcpt"},
    StageName{Stage::Data, "data"},       StageName{Stage::Content, "content"},
    StageName{Stage::Quit, "quit"},
};

std::string_view waited_for(Stage stage) {
    switch (stage) {
        case Stage::Connect:
            return "the connection";
        case Stage::Greeting:
            return "the server's greeting";
        case Stage::Ehlo:
            return "the answer to EHLO";
        case Stage::StartTls:
            return "the answer to STARTTLS";
        case Stage::Tls:
            return "the TLS handshake";
        case Stage::Auth:
            return "the answer to AUTH";
        case Stage::Mail:
            return "the answer to MAIL";
        case Stage::Rcpt:
            return "the answer to RCPT";
        case Stage::Data:
            return "the answer to DATA";
        case Stage::Content:
            return "the server to take the content";
        case Stage::Quit:
            return "the answer to QUIT";
    }
    return "";
}

}  // namespace

std::string_view to_string(Stage stage) {
    const auto* found = std::ranges::find(kStageNames, stage, &StageName::stage);
    return found == kStageNames.end() ? std::string_view() : found->name;
}

std::optional<Stage> parse_stage(std::string_view name) {
    const auto* found = std::ranges::find(kStageNames, name, &StageName::name);
    if (found == kStageNames.end()) return std::nullopt;
    return found->stage;
}

// --- The pump ---

ClientDialogue::Machine::Machine(ClientOptions client_options)
    : options(std::move(client_options)), encrypted(options.implicit_tls) {}

ClientDialogue::Machine::~Machine() {
    if (out_is_secret) wipe(out);
    if (withheld_response) wipe(*withheld_response);
    if (options.credentials) wipe(options.credentials->secret);
}

void ClientDialogue::Machine::enter(Phase next) {
    assert(phase != Phase::Ended);
    phase = next;
    asked = false;
}

void ClientDialogue::Machine::forget_sent() {
    if (!sent) return;
    sent = false;
    if (std::exchange(out_is_secret, false)) wipe(out);
    out.clear();
}

ClientDialogue::Action ClientDialogue::Machine::next_action() {
    if (phase != Phase::Content && phase != Phase::Handshake) take_replies();
    if (phase == Phase::Content && !asked) {
        asked = true;
        sent = true;
        return SendContent{capabilities.chunking, out};
    }
    if (!out.empty()) {
        sent = true;
        return Send{out};
    }
    if (done) {
        TransactionDone action{std::move(*done)};
        done.reset();
        return action;
    }
    if (failure) {
        Failed action = std::move(*failure);
        failure.reset();
        return action;
    }
    if (phase == Phase::Ended) return Close{};
    if (phase == Phase::Ready) return Ready{};
    if (phase == Phase::Handshake && !std::exchange(asked, true)) return StartTls{};
    return NeedInput{deadline()};
}

ClientDialogue::Deadline ClientDialogue::Machine::deadline() const {
    if (phase == Phase::Greeting) return Deadline::Greeting;
    if (phase == Phase::Handshake) return Deadline::TlsHandshake;
    if (phase == Phase::Content) return Deadline::DataBlock;
    if (phase != Phase::Exchange) return Deadline::Command;
    const Awaited next = exchange->awaited.front().awaited;
    if (next == Awaited::Data) return Deadline::DataInit;
    return next == Awaited::Final ? Deadline::FinalReply : Deadline::Command;
}

Stage ClientDialogue::Machine::stage() const {
    switch (phase) {
        case Phase::Greeting:
            return Stage::Greeting;
        case Phase::Ehlo:
        case Phase::Helo:
            return Stage::Ehlo;
        case Phase::StartTls:
            return Stage::StartTls;
        case Phase::Handshake:
            return Stage::Tls;
        case Phase::Auth:
            return Stage::Auth;
        case Phase::Content:
            return Stage::Content;
        case Phase::Exchange:
            if (exchange->awaited.empty()) return Stage::Mail;
            switch (exchange->awaited.front().awaited) {
                case Awaited::Rset:
                case Awaited::Mail:
                    return Stage::Mail;
                case Awaited::Rcpt:
                    return Stage::Rcpt;
                case Awaited::Data:
                    return Stage::Data;
                case Awaited::Final:
                    return Stage::Content;
            }
            return Stage::Mail;
        case Phase::Ready:
            return Stage::Mail;
        case Phase::Quitting:
        case Phase::Ended:
            return Stage::Quit;
    }
    return Stage::Quit;
}

void ClientDialogue::Machine::take_replies() {
    // A finished transaction is reported before anything that follows it is looked at.
    while (phase != Phase::Ended && phase != Phase::Handshake && !done) {
        const auto next = parser.next();
        if (!next) return;
        if (*next) {
            handle(**next);
        } else if (phase == Phase::Quitting) {
            enter(Phase::Ended);
        } else {
            fail(Reply(), "the server " + std::string(to_string(next->error())) + " while we waited for " +
                              std::string(waited_for(stage())));
        }
        // A reply may have made us start to stream; what follows it is answered to afterwards.
        if (phase == Phase::Content && !asked) return;
    }
}

void ClientDialogue::Machine::handle(const Reply& reply) {
    // RFC 5321 3.8: 421 may answer anything and announces the end. AUTH's own refusals are looked at there.
    if (reply.code == 421 && phase != Phase::Quitting) {
        return fail(reply, "the server is closing the connection; it will be tried again later");
    }
    switch (phase) {
        case Phase::Greeting:
            return handle_greeting(reply);
        case Phase::Ehlo:
            return handle_ehlo(reply);
        case Phase::Helo:
            return handle_helo(reply);
        case Phase::StartTls:
            return handle_starttls(reply);
        case Phase::Auth:
            return handle_auth(reply);
        case Phase::Exchange:
        case Phase::Content:
            return handle_exchange(reply);
        case Phase::Ready:
            return fail(reply, "the server sent a reply that nothing had asked for");
        case Phase::Quitting:
            return enter(Phase::Ended);
        case Phase::Handshake:
        case Phase::Ended:
            return;
    }
}

void ClientDialogue::Machine::send_line(std::string_view line) {
    out.append(line).append("\r\n");
}

void ClientDialogue::Machine::fail(const Reply& reply, std::string reason, bool login_refused) {
    if (phase == Phase::Ended) return;
    failure = Failed{stage(), reply, std::move(reason), login_refused};
    if (exchange) end_exchange(reply);
    if (done) done->connection_usable = false;
    // Unsent commands are of no use any more, and an unsent AUTH message must not linger.
    if (out_is_secret) wipe(out);
    out_is_secret = false;
    out.clear();
    sent = false;
    enter(Phase::Ended);
}

void ClientDialogue::Machine::fail_politely(const Reply& reply, std::string reason, bool login_refused) {
    fail(reply, std::move(reason), login_refused);
    send_line("QUIT");
}

void ClientDialogue::Machine::peer_gone(std::string reason) {
    // The last words may explain why: what was received before the end is read first.
    if (phase != Phase::Handshake) take_replies();
    if (phase == Phase::Ended) {
        out.clear();
        return;
    }
    if (phase == Phase::Quitting) {
        out.clear();
        return enter(Phase::Ended);
    }
    fail(Reply(), std::move(reason));
}

// --- The way to Ready ---

void ClientDialogue::Machine::handle_greeting(const Reply& reply) {
    if (reply.code != 220) {
        return fail_politely(reply, reply.transient() || reply.permanent()
                                        ? "the server refuses the connection"
                                        : "the server's greeting is not 220; is this an SMTP server?");
    }
    send_line("EHLO " + options.hostname);
    enter(Phase::Ehlo);
}

void ClientDialogue::Machine::handle_ehlo(const Reply& reply) {
    if (reply.positive()) {
        capabilities = parse_ehlo_reply(reply);
        return after_ehlo();
    }
    // RFC 5321 3.2: an old server is spoken to in its own way, unless that would cost us TLS or the login.
    if (reply.permanent() && !options.starttls && !options.credentials) {
        send_line("HELO " + options.hostname);
        return enter(Phase::Helo);
    }
    fail_politely(reply, "the server refuses EHLO");
}

void ClientDialogue::Machine::handle_helo(const Reply& reply) {
    if (!reply.positive()) return fail_politely(reply, "the server refuses HELO");
    capabilities = ServerCapabilities();
    capabilities.name = reply.text.substr(0, reply.text.find_first_of(" \n"));
    enter(Phase::Ready);
}

void ClientDialogue::Machine::after_ehlo() {
    if (options.starttls && !encrypted) {
        enter(Phase::StartTls);
        if (!capabilities.starttls) {
            return fail_politely(Reply(),
                                 "STARTTLS is demanded and the server does not offer it; use its port with "
                                 "tls: implicit, or somebody on the way removed the offer");
        }
        return send_line("STARTTLS");
    }
    if (options.credentials && !authenticated_with) return start_auth();
    enter(Phase::Ready);
}

void ClientDialogue::Machine::handle_starttls(const Reply& reply) {
    if (reply.code != 220) {
        return fail_politely(reply,
                             "the server offers STARTTLS but refuses it; use its port with tls: implicit");
    }
    // CVE-2011-0411: whatever is here was not written by the server inside TLS.
    if (parser.has_leftover()) {
        return fail(
            reply,
            "octets in clear came behind the answer to STARTTLS; somebody may be tampering with the line");
    }
    enter(Phase::Handshake);
}

// --- The public face ---

ClientDialogue::ClientDialogue(ClientOptions options)
    : machine_(std::make_unique<Machine>(std::move(options))) {}
ClientDialogue::~ClientDialogue() = default;
ClientDialogue::ClientDialogue(ClientDialogue&&) noexcept = default;
ClientDialogue& ClientDialogue::operator=(ClientDialogue&&) noexcept = default;

void ClientDialogue::receive(std::string_view bytes) {
    machine_->forget_sent();
    if (bytes.empty() || machine_->phase == Phase::Ended) return;
    if (machine_->phase == Phase::Handshake) {
        return machine_->fail(Reply(), "octets in clear came instead of the TLS handshake");
    }
    machine_->parser.feed(bytes);
}

void ClientDialogue::peer_closed() {
    machine_->forget_sent();
    machine_->peer_gone("the server closed the connection while we waited for " +
                        std::string(waited_for(machine_->stage())));
}

void ClientDialogue::deadline_passed() {
    machine_->forget_sent();
    machine_->peer_gone("timed out waiting for " + std::string(waited_for(machine_->stage())));
}

void ClientDialogue::tls_ready() {
    machine_->forget_sent();
    assert(machine_->phase == Phase::Handshake || machine_->phase == Phase::Ended);
    if (machine_->phase != Phase::Handshake) return;
    machine_->encrypted = true;
    // RFC 3207 4.2: what the server said in clear is forgotten.
    machine_->parser.clear();
    machine_->capabilities = ServerCapabilities();
    machine_->send_line("EHLO " + machine_->options.hostname);
    machine_->enter(Phase::Ehlo);
}

void ClientDialogue::tls_failed(std::string reason) {
    machine_->forget_sent();
    machine_->fail(Reply(), std::move(reason));
}

void ClientDialogue::start_transaction(Transaction transaction) {
    machine_->forget_sent();
    machine_->start_transaction(std::move(transaction));
}

void ClientDialogue::content_sent() {
    machine_->forget_sent();
    machine_->content_sent();
}

void ClientDialogue::content_failed(std::string reason) {
    machine_->forget_sent();
    machine_->fail(Reply(), std::move(reason));
}

void ClientDialogue::quit() {
    machine_->forget_sent();
    if (machine_->phase == Phase::Ended) return;
    assert(machine_->phase == Phase::Ready);
    machine_->send_line("QUIT");
    machine_->enter(Phase::Quitting);
}

ClientDialogue::Action ClientDialogue::next_action() {
    machine_->forget_sent();
    return machine_->next_action();
}

const ServerCapabilities& ClientDialogue::capabilities() const {
    return machine_->capabilities;
}

std::optional<AuthMechanism> ClientDialogue::authenticated_with() const {
    return machine_->authenticated_with;
}

}  // namespace posthouse::protocol
