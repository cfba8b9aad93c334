#include "daemon/upstream/connection.h"

#include "daemon/runtime/await.h"
#include "protocol/address.h"
#include "protocol/data_encoder.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <array>
#include <span>
#include <utility>
#include <variant>

namespace posthouse::upstream {
namespace {

using config::LogLevel;
using protocol::ClientDialogue;
using Deadline = ClientDialogue::Deadline;

constexpr std::size_t kInput = 8U << 10U;
constexpr std::size_t kWriteAt = 64U << 10U;  // content is gathered into writes of this size
constexpr std::size_t kWholeAt = 64U << 10U;  // and up to this one written at once
constexpr std::chrono::seconds kIdle{15};     // an idle connection is kept this long
constexpr std::chrono::minutes kRetryAfterDiskError{1};

// RFC 5802 5.1: printable, no comma; 24 hexadecimal characters are 96 random bits.
std::string make_nonce() {
    std::array<unsigned char, 12> random{};
    RAND_bytes(random.data(), static_cast<int>(random.size()));
    std::string text;
    for (const unsigned char octet : random)
        text += fmt::format("{:02x}", octet);
    return text;
}

protocol::ClientOptions options_for(const config::Settings& settings, const config::Upstream& upstream) {
    protocol::ClientOptions options;
    options.hostname = settings.hostname;
    options.starttls = upstream.tls == config::TlsMode::StartTls;
    options.implicit_tls = upstream.tls == config::TlsMode::Implicit;
    options.allow_auth_in_clear = upstream.tls == config::TlsMode::None;
    if (!upstream.login.empty()) {
        protocol::Credentials credentials;
        credentials.login = upstream.login;
        credentials.secret = upstream.password.reveal();
        options.credentials = std::move(credentials);
    }
    options.mechanisms = upstream.auth;
    options.scram_nonce = make_nonce();
    options.send_eight_bit_anyway = upstream.eight_bit == config::EightBitPolicy::SendAnyway;
    return options;
}

bool has_non_ascii_address(const protocol::Transaction& transaction) {
    if (!protocol::is_ascii(transaction.sender)) return true;
    for (const auto& recipient : transaction.recipients) {
        if (!protocol::is_ascii(recipient.address)) return true;
    }
    return false;
}

}  // namespace

Connection::Connection(Services& services, Dispatcher& dispatcher, runtime::Loop& loop,
                       runtime::Deadlines& deadlines, queue::UpstreamIndex upstream)
    : services_(services),
      dispatcher_(dispatcher),
      loop_(loop),
      index_(upstream),
      upstream_(services.settings->upstreams[upstream]),
      connector_(loop, upstream_),
      input_(std::make_unique_for_overwrite<char[]>(kInput)),
      dialogue_(options_for(*services.settings, upstream_)),
      deadline_(deadlines, [this] { expire(); }),
      idle_deadline_(deadlines, [this] {
          if (idle_) dispatcher_.give_up(idle_);
      }) {}

void Connection::expire() {
    expired_ = true;
    if (stream_) stream_->cancel();
}

void Connection::shut_down() {
    stopping_ = true;
    if (!ready_once_) {
        connector_.cancel();
        if (stream_) stream_->cancel();
    }
}

void Connection::abandon() {
    shut_down();
    if (stream_) stream_->cancel();
}

std::chrono::milliseconds Connection::duration_of(Deadline deadline) const {
    const auto& timeouts = upstream_.timeouts;
    switch (deadline) {
        case Deadline::Greeting:
        case Deadline::Command:
            return timeouts.command;
        case Deadline::DataInit:
            return std::min<Duration>(timeouts.command, std::chrono::minutes{2});
        case Deadline::DataBlock:
            return timeouts.data;
        case Deadline::FinalReply:
            return timeouts.final_reply;
        case Deadline::TlsHandshake:
            return std::min<Duration>(timeouts.command, std::chrono::minutes{1});
    }
    return timeouts.command;
}

runtime::Task<void> Connection::run() {
    if (const bool connected = co_await connect(); !connected) co_return;
    std::size_t relayed = 0;
    auto pause = co_await advance();
    if (pause == Pause::Ready) {
        ready_once_ = true;
        log_ready();
        dispatcher_.connection_ready(index_);
    }
    while (pause == Pause::Ready && relayed < upstream_.messages_per_connection) {
        auto assignment = co_await next_assignment();
        if (!assignment) break;
        const bool usable = co_await relay(std::move(*assignment));
        ++relayed;
        if (!usable) co_return;
        pause = co_await advance();
    }
    if (pause == Pause::Ready) {
        dialogue_.quit();
        co_await advance();
    }
    stream_->close();
}

runtime::Task<bool> Connection::connect() {
    auto connected = co_await connector_.run();
    address_ = std::move(connected.address);
    if (!connected.socket) {
        if (stopping_) co_return false;
        queue::ConnectionFailure failure;
        failure.reason = std::move(connected.reason);
        dispatcher_.connection_failed(index_, std::move(failure));
        co_return false;
    }
    stream_ = std::make_unique<net::Stream>(std::move(*connected.socket));
    if (upstream_.tls != config::TlsMode::Implicit) co_return true;
    const std::string failed = co_await handshake();
    if (failed.empty()) co_return true;
    ClientDialogue::Failed trouble{};
    trouble.stage = protocol::Stage::Tls;
    trouble.reason = failed;
    fail(trouble);
    co_return false;
}

runtime::Task<std::string> Connection::handshake() {
    const auto identity = net::identity_of(upstream_);
    deadline_.set(duration_of(Deadline::TlsHandshake));
    std::string failed = co_await stream_->handshake_as_client(*services_.tls[index_], identity);
    deadline_.clear();
    expired_ = false;
    if (!failed.empty()) {
        failed = fmt::format("TLS with {} ({}) failed: {}; check `host` and `verify`", upstream_.host,
                             address_, failed);
    }
    co_return failed;
}

// Performs what the dialogue asks for until it wants something of us.
runtime::Task<Connection::Pause> Connection::advance() {
    while (true) {
        auto action = dialogue_.next_action();
        if (std::holds_alternative<ClientDialogue::Ready>(action)) co_return Pause::Ready;
        if (auto* done = std::get_if<ClientDialogue::TransactionDone>(&action)) {
            result_ = std::move(done->result);
            co_return Pause::Done;
        }
        if (const auto* failed = std::get_if<ClientDialogue::Failed>(&action)) {
            fail(*failed);
            co_return Pause::Over;
        }
        if (std::holds_alternative<ClientDialogue::Close>(action)) co_return Pause::Over;
        if (const auto* output = std::get_if<ClientDialogue::Send>(&action)) {
            const auto rest = output->bytes.substr(stream_->write_now(output->bytes));
            if (!rest.empty()) co_await send(rest);
        } else if (const auto* need = std::get_if<ClientDialogue::NeedInput>(&action)) {
            deadline_.set(duration_of(need->deadline));
            const std::span<char> into(input_.get(), kInput);
            const auto read = co_await stream_->read_some(into);
            after_read(read);
        } else if (const auto* content = std::get_if<ClientDialogue::SendContent>(&action)) {
            co_await send_content(content->chunked, content->prefix);
        } else {
            co_await start_tls();
        }
    }
}

void Connection::after_read(const net::ReadResult& read) {
    deadline_.clear();
    if (expired_) {
        expired_ = false;
        dialogue_.deadline_passed();
    } else if (read.closed()) {
        dialogue_.peer_closed();
    } else {
        dialogue_.receive(std::string_view(input_.get(), read.bytes));
    }
}

runtime::Task<void> Connection::send(std::string_view bytes) {
    deadline_.set(duration_of(Deadline::DataBlock));
    const auto failed = co_await stream_->write(bytes);
    deadline_.clear();
    expired_ = false;
    if (!failed) co_return;
    // What the server said before it closed is still to be read; if there is nothing, the read says so.
    services_.log.write(LogLevel::Debug, "write_failed",
                        {{"upstream", upstream_.name}, {"reason", failed.message()}});
}

runtime::Task<void> Connection::start_tls() {
    const std::string failed = co_await handshake();
    if (failed.empty()) {
        dialogue_.tls_ready();
    } else {
        dialogue_.tls_failed(failed);
    }
}

runtime::Task<void> Connection::send_content(bool chunked, std::string_view prefix) {
    output_.assign(prefix);
    protocol::DataEncoder encoder;
    auto add = [&](std::string_view bytes) {
        if (chunked) {
            output_.append(bytes);
        } else {
            encoder.append(bytes, output_);
        }
    };
    if (const auto whole = content_->whole(); whole && whole->size() <= kWholeAt) {
        add(*whole);
    } else {
        while (true) {
            const auto chunk = co_await content_->next();
            if (!chunk) {
                dialogue_.content_failed(chunk.error().message());
                co_return;
            }
            if (chunk->empty()) break;
            add(*chunk);
            if (output_.size() < kWriteAt) continue;
            const bool written = co_await write_content();
            if (!written) co_return;
        }
    }
    if (!chunked) output_.append(encoder.finish());
    const bool written = co_await write_content();
    if (written) dialogue_.content_sent();
}

// False: the connection broke with part of the content out, so it was not sent completely.
runtime::Task<bool> Connection::write_content() {
    const auto rest = std::string_view(output_).substr(stream_->write_now(output_));
    bool broken = false;
    if (!rest.empty()) {
        deadline_.set(duration_of(Deadline::DataBlock));
        const auto failed = co_await stream_->write(rest);
        deadline_.clear();
        broken = failed || expired_;
        expired_ = false;
    }
    output_.clear();
    if (output_.capacity() > 2 * kWholeAt) output_.shrink_to_fit();
    if (broken) dialogue_.peer_closed();
    co_return !broken;
}

runtime::Task<std::optional<queue::Assignment>> Connection::next_assignment() {
    using Answer = std::optional<queue::Assignment>;
    if (stopping_) co_return std::nullopt;
    auto waiter = std::make_shared<Waiter>();
    waiter->upstream = index_;
    waiter->loop = &loop_;
    idle_ = waiter;
    std::move_only_function<void(runtime::Resume<Answer>)> start = [this,
                                                                    &waiter](runtime::Resume<Answer> resume) {
        waiter->resume = std::move(resume);
        // With work at hand, the usual case, nothing is armed.
        if (dispatcher_.next(waiter) == Dispatcher::Asked::Waiting) watch_while_idle(waiter);
    };
    auto answer = co_await runtime::await_callback<Answer>(std::move(start));
    idle_.reset();
    idle_deadline_.clear();
    stream_->stop_watching();
    co_return answer;
}

// An idle connection ends when its time is over or when the server says anything, which can only be good-bye.
void Connection::watch_while_idle(const WaiterPtr& waiter) {
    stream_->watch_readable([this, waiter] { dispatcher_.give_up(waiter); });
    idle_deadline_.set(kIdle);
}

runtime::Task<Result<spool::StoredPtr>> Connection::load(const queue::Assignment& assignment) {
    if (auto now = services_.spool.read_message_now(assignment.location)) co_return std::move(*now);
    const auto location = assignment.location;
    std::move_only_function<Result<spool::StoredPtr>()> work = [this, location] {
        return services_.spool.read_message(location);
    };
    co_return co_await runtime::run_blocking<Result<spool::StoredPtr>>(services_.disk, loop_,
                                                                       std::move(work));
}

runtime::Task<bool> Connection::relay(queue::Assignment assignment) {
    Result<spool::StoredPtr> stored = assignment.stored;
    if (!assignment.stored) stored = co_await load(assignment);
    if (!stored) {
        dispatcher_.give_back(assignment.ticket, stored.error().message(), kRetryAfterDiskError);
        co_return true;
    }
    const auto& accepted = (*stored)->accepted;
    protocol::Transaction transaction;
    transaction.sender = accepted.envelope.sender;
    for (const auto index : assignment.recipients) {
        transaction.recipients.push_back(accepted.envelope.recipients[index]);
    }
    transaction.dsn_return = accepted.envelope.dsn_return;
    transaction.envelope_id = accepted.envelope.envelope_id;
    transaction.needs_smtputf8 = accepted.facts.utf8_header || has_non_ascii_address(transaction);

    content_ = std::make_unique<ContentSource>(services_, loop_, *stored);
    const bool convert = upstream_.eight_bit == config::EightBitPolicy::Convert &&
                         !dialogue_.capabilities().eight_bit_mime && !transaction.needs_smtputf8;
    std::optional<ContentFault> fault;
    if (content_->needs_preparing(convert)) fault = co_await content_->prepare(convert);
    if (fault && !fault->permanent) {
        dispatcher_.give_back(assignment.ticket, fault->reason, kRetryAfterDiskError);
        co_return true;
    }
    // What cannot be converted stays 8-bit: the dialogue then refuses it for this upstream (5.6.3).
    transaction.size = content_->size();
    transaction.body =
        content_->eight_bit() ? protocol::BodyType::EightBitMime : protocol::BodyType::SevenBit;

    dialogue_.start_transaction(std::move(transaction));
    const auto pause = co_await advance();
    content_.reset();
    if (pause != Pause::Done) {
        // Failed or Close without a result: nothing was decided.
        dispatcher_.give_back(assignment.ticket, "the connection ended before the transaction", std::nullopt);
        co_return false;
    }
    const bool usable = result_->connection_usable;
    dispatcher_.settle(assignment.ticket, std::move(*result_));
    result_.reset();
    co_return usable;
}

void Connection::fail(const ClientDialogue::Failed& failed) {
    if (stopping_) return;
    if (ready_once_) {
        services_.log.write(LogLevel::Info, "connection_lost",
                            {{"upstream", upstream_.name}, {"address", address_}, {"reason", failed.reason}});
        return;
    }
    queue::ConnectionFailure failure;
    failure.stage = failed.stage;
    failure.reply = failed.reply;
    failure.reason = failed.reason;
    failure.login_refused = failed.login_refused;
    dispatcher_.connection_failed(index_, std::move(failure));
}

void Connection::log_ready() {
    const auto mechanism = dialogue_.authenticated_with();
    services_.log.write(LogLevel::Info, "connected",
                        {{"upstream", upstream_.name},
                         {"address", address_},
                         {"tls", stream_->tls_version()},
                         {"cipher", stream_->tls_cipher()},
                         {"auth", mechanism ? protocol::to_string(*mechanism) : std::string_view()},
                         {"login", mechanism ? upstream_.login : std::string()}});
}

}  // namespace posthouse::upstream
