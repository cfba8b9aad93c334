#include "daemon/submission/connection.h"

#include "daemon/runtime/await.h"

#include <chrono>
#include <span>
#include <utility>
#include <variant>

namespace posthouse::submission {
namespace {

using config::LogLevel;
using protocol::EnhancedCode;
using protocol::Reply;
using protocol::ServerDeadline;
using protocol::ServerSession;

constexpr std::size_t kSmallInput = 4U << 10U;  // commands; grows to kLargeInput while content arrives
constexpr std::size_t kLargeInput = 32U << 10U;

// RFC 5321 4.5.3.2.7: a server waits at least five minutes for a command; 4.5.3.2.5 gives data blocks three.
std::chrono::milliseconds duration_of(ServerDeadline deadline) {
    switch (deadline) {
        case ServerDeadline::Command:
            return std::chrono::minutes{5};
        case ServerDeadline::DataBlock:
            return std::chrono::minutes{3};
        case ServerDeadline::TlsHandshake:
            return std::chrono::minutes{1};
    }
    return std::chrono::minutes{5};
}

constexpr std::chrono::minutes kWriteTimeout{5};

}  // namespace

Connection::Connection(Services& services, runtime::Loop& loop, runtime::Deadlines& deadlines,
                       net::Socket socket, net::PeerAddress peer, const config::Listener& listener,
                       std::shared_ptr<const protocol::ServerOptions> options, std::optional<Reply> refusal)
    : services_(services),
      loop_(loop),
      stream_(std::move(socket)),
      peer_(std::move(peer)),
      listener_(listener),
      refusal_(std::move(refusal)),
      session_(std::move(options)),
      intake_(services, loop),
      deadline_(deadlines, [this] { expire(); }) {}

void Connection::expire() {
    expired_ = true;
    stream_.cancel();
}

void Connection::shut_down() {
    stopping_ = true;
    if (reading_) stream_.cancel();
}

void Connection::abandon() {
    abandoned_ = true;
    stream_.cancel();
}

bool Connection::from_trusted_network() const {
    if (peer_.is_unix) return true;  // the socket's file mode decides who may connect
    for (const auto& network : services_.settings->clients.networks) {
        if (config::contains(network, peer_.octets)) return true;
    }
    return false;
}

runtime::Task<void> Connection::run() {
    std::optional<protocol::TlsFacts> tls;
    if (listener_.tls == config::TlsMode::Implicit) {
        if (refusal_) co_return;  // above the caps no handshake is paid for
        deadline_.set(duration_of(ServerDeadline::TlsHandshake));
        const std::string failed = co_await stream_.handshake_as_server(*services_.tls);
        if (!failed.empty()) {
            services_.log.write(LogLevel::Info, "tls_failed", {{"client", peer_.text}, {"reason", failed}});
            co_return;
        }
        tls = protocol::TlsFacts{stream_.tls_version(), stream_.tls_cipher()};
    }
    if (refusal_) {
        session_.start_refusing(*refusal_);
    } else {
        session_.start(from_trusted_network(), std::move(tls));
    }
    while (!abandoned_) {
        auto action = session_.next_action();
        if (perform_now(action)) continue;
        if (const auto* need = std::get_if<ServerSession::NeedInput>(&action)) {
            if (!before_read(need->deadline)) continue;
            const std::span<char> into(input_.get(), input_size_);
            const auto read = co_await stream_.read_some(into);
            after_read(read);
            continue;
        }
        const bool go_on = co_await perform(std::move(action));
        if (!go_on) break;
    }
    intake_.abort();
    end_transaction();
    stream_.close();
}

bool Connection::perform_now(const ServerSession::Action& action) {
    if (const auto* output = std::get_if<ServerSession::Send>(&action)) {
        unsent_ = output->bytes.substr(stream_.write_now(output->bytes));
        return unsent_.empty();
    }
    if (const auto* body = std::get_if<ServerSession::Body>(&action)) {
        take_body(body->bytes);
        return !intake_.full();
    }
    if (const auto* sender = std::get_if<ServerSession::CheckSender>(&action)) {
        auto refusal = judge_sender(sender->envelope);
        if (!refusal && !counted_) {
            counted_ = true;
            services_.spool.transaction_opened();
        }
        session_.sender_verdict(std::move(refusal));
        return true;
    }
    if (std::holds_alternative<ServerSession::CheckRecipient>(action)) {
        session_.recipient_verdict(std::nullopt);
        return true;
    }
    if (const auto* open = std::get_if<ServerSession::OpenMessage>(&action)) {
        open_message(open->envelope);
        return true;
    }
    if (std::holds_alternative<ServerSession::AbortMessage>(action)) {
        intake_.abort();
        end_transaction();
        return true;
    }
    return false;
}

runtime::Task<bool> Connection::perform(ServerSession::Action action) {
    if (std::holds_alternative<ServerSession::Send>(action)) co_return co_await send(unsent_);
    if (std::holds_alternative<ServerSession::Body>(action)) {
        co_await store_body();
    } else if (std::holds_alternative<ServerSession::CommitMessage>(action)) {
        co_await commit();
        end_transaction();
    } else if (auto* auth = std::get_if<ServerSession::CheckAuth>(&action)) {
        co_await check_auth(std::move(*auth));
    } else if (std::holds_alternative<ServerSession::StartTls>(action)) {
        co_return co_await start_tls();
    } else {
        co_return false;  // Close; Wait cannot be: every question is answered before the next action
    }
    co_return true;
}

bool Connection::before_read(ServerDeadline deadline) {
    if (stopping_) {
        stopping_ = false;  // said once; the machine closes at its next command boundary
        session_.shut_down();
        return false;
    }
    if (!session_.in_transaction()) end_transaction();
    const std::size_t size = deadline == ServerDeadline::DataBlock ? kLargeInput : kSmallInput;
    if (size > input_size_) {
        input_ = std::make_unique_for_overwrite<char[]>(size);
        input_size_ = size;
    }
    deadline_.set(duration_of(deadline));
    reading_ = true;
    return true;
}

void Connection::after_read(const net::ReadResult& read) {
    reading_ = false;
    deadline_.clear();
    if (expired_) {
        expired_ = false;
        session_.deadline_passed();
    } else if (stopping_ && read.error == boost::asio::error::operation_aborted) {
        return;  // woken to stop; the next before_read() says so
    } else if (read.closed()) {
        session_.peer_closed();
    } else {
        session_.receive(std::string_view(input_.get(), read.bytes));
    }
}

void Connection::end_transaction() {
    if (!counted_) return;
    counted_ = false;
    services_.spool.transaction_closed();
}

runtime::Task<bool> Connection::send(std::string_view bytes) {
    deadline_.set(kWriteTimeout);
    const auto failed = co_await stream_.write(bytes);
    deadline_.clear();
    expired_ = false;
    co_return !failed;
}

runtime::Task<bool> Connection::start_tls() {
    deadline_.set(duration_of(ServerDeadline::TlsHandshake));
    const std::string failed = co_await stream_.handshake_as_server(*services_.tls);
    deadline_.clear();
    if (!failed.empty()) {
        services_.log.write(LogLevel::Info, "tls_failed", {{"client", peer_.text}, {"reason", failed}});
        co_return false;
    }
    session_.tls_ready(protocol::TlsFacts{stream_.tls_version(), stream_.tls_cipher()});
    co_return true;
}

runtime::Task<void> Connection::check_auth(ServerSession::CheckAuth question) {
    const std::string login = question.login;
    std::move_only_function<bool()> work = [users = services_.users, asked = std::move(question)] {
        return users->verify(asked.login, asked.password);
    };
    const bool accepted = co_await runtime::run_blocking<bool>(services_.hashing, loop_, std::move(work));
    services_.log.write(accepted ? LogLevel::Info : LogLevel::Warning, accepted ? "login" : "login_refused",
                        {{"client", peer_.text}, {"login", login}});
    session_.auth_verdict(accepted ? protocol::AuthVerdict::Accepted : protocol::AuthVerdict::Refused);
}

std::optional<Reply> Connection::judge_sender(const protocol::Envelope& envelope) const {
    const auto space = services_.spool.space();
    if (space.low) {
        return Reply(452, EnhancedCode{4, 3, 1}, "Not enough disk space in the spool, try again later");
    }
    if (space.failed) {
        return Reply(451, EnhancedCode{4, 3, 0},
                     "The spool cannot be written at the moment, try again later");
    }
    if (!session_.login().empty() && !services_.users->may_send_as(session_.login(), envelope.sender)) {
        return Reply(553, EnhancedCode{5, 7, 1},
                     "The login " + session_.login() + " may not send as <" + envelope.sender + ">");
    }
    return std::nullopt;
}

void Connection::open_message(const protocol::Envelope& envelope) {
    SubmittedBy by;
    by.client = peer_.text;
    by.client_name = session_.client_name();
    by.login = session_.login();
    by.esmtp = session_.esmtp();
    if (session_.tls()) {
        by.tls_version = session_.tls()->version;
        by.tls_cipher = session_.tls()->cipher;
    }
    intake_.open(envelope, by);
    session_.message_opened(std::nullopt);
}

void Connection::take_body(std::string_view bytes) {
    auto refused = intake_.append(bytes);
    if (refused) refuse(std::move(*refused));
}

runtime::Task<void> Connection::store_body() {
    while (intake_.full()) {
        auto refused = co_await intake_.flush();
        if (!refused) continue;
        refuse(std::move(*refused));
        break;
    }
}

void Connection::refuse(Reply reply) {
    intake_.abort();
    session_.message_refused(std::move(reply));
}

runtime::Task<void> Connection::commit() {
    auto outcome = co_await intake_.commit();
    if (!outcome) {
        services_.log.write(LogLevel::Warning, "refused",
                            {{"client", peer_.text}, {"reply", protocol::to_line(outcome.error())}});
        session_.message_refused(std::move(outcome).error());
        co_return;
    }
    const auto& accepted = intake_.stored()->accepted;
    const std::string id = to_string(*outcome);
    services_.log.write(
        LogLevel::Info, "accepted",
        {{"msg", id},
         {"client", peer_.text},
         {"login", accepted.login},
         {"tls", session_.tls() ? session_.tls()->version : std::string()},
         {"from", accepted.envelope.sender.empty() ? std::string("<>") : accepted.envelope.sender},
         {"to", accepted.envelope.recipients.front().address},
         {"recipients", accepted.envelope.recipients.size()},
         {"size", accepted.facts.size},
         {"message_id", accepted.facts.message_id}});
    session_.message_stored(id);
}

}  // namespace posthouse::submission
