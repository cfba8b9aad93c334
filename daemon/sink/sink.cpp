#include "daemon/sink/sink.h"

#include "daemon/runtime/clock.h"
#include "daemon/sink/throwaway_authority.h"
#include "protocol/header_scan.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <fmt/format.h>

#include <chrono>
#include <deque>
#include <exception>
#include <fstream>
#include <set>
#include <utility>
#include <variant>

namespace posthouse::sink {
namespace {

namespace asio = boost::asio;
using protocol::EnhancedCode;
using protocol::Reply;
using protocol::ServerSession;
using protocol::Stage;

constexpr std::size_t kInput = 64U << 10U;
constexpr std::chrono::minutes kPatience{5};

}  // namespace

struct Sink::Impl {
    Impl(runtime::Loop& on, Options given, std::function<void(const Captured&)> callback)
        : loop(on),
          options(std::move(given)),
          on_message(std::move(callback)),
          deadlines(on),
          acceptor(on.io()) {}

    void accept_next();
    [[nodiscard]] std::optional<Reply> scripted(Stage stage) const;
    [[nodiscard]] std::optional<Reply> over_limit();

    runtime::Loop& loop;
    Options options;
    std::function<void(const Captured&)> on_message;
    runtime::Deadlines deadlines;
    asio::basic_socket_acceptor<asio::ip::tcp, runtime::Executor> acceptor;
    std::optional<net::TlsContext> tls;
    std::string authority;
    std::shared_ptr<const protocol::ServerOptions> server_options;
    runtime::SystemClock clock;
    std::deque<TimePoint> taken;  // within the limit's window
    std::set<net::Stream*> streams;
    std::uint64_t messages = 0;
    bool stopped = false;
};

namespace {

// One client of the sink.
class Client {
  public:
    Client(Sink::Impl& sink, net::Socket socket)
        : sink_(sink),
          stream_(std::move(socket)),
          session_(sink.server_options),
          deadline_(sink.deadlines, [this] { stream_.cancel(); }) {
        sink_.streams.insert(&stream_);
    }
    ~Client() { sink_.streams.erase(&stream_); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    runtime::Task<void> run();

  private:
    runtime::Task<bool> perform(ServerSession::Action action);
    runtime::Task<bool> read_input();
    runtime::Task<bool> start_tls();
    void check(const ServerSession::CheckAuth& question);
    void open(const protocol::Envelope& envelope);
    void commit();

    Sink::Impl& sink_;
    net::Stream stream_;
    ServerSession session_;
    runtime::Deadlines::Entry deadline_;
    std::string input_;
    protocol::Envelope envelope_;
    protocol::HeaderScan scan_;
    std::ofstream file_;
    std::uint64_t size_ = 0;
};

runtime::Task<void> Client::run() {
    std::optional<protocol::TlsFacts> tls;
    if (sink_.options.tls == config::TlsMode::Implicit) {
        const std::string failed = co_await stream_.handshake_as_server(*sink_.tls);
        if (!failed.empty()) co_return;
        tls = protocol::TlsFacts{stream_.tls_version(), stream_.tls_cipher()};
    }
    session_.start(true, std::move(tls));
    while (!sink_.stopped) {
        auto action = session_.next_action();
        const bool go_on = co_await perform(std::move(action));
        if (!go_on) break;
    }
    stream_.close();
}

runtime::Task<bool> Client::perform(ServerSession::Action action) {
    if (std::holds_alternative<ServerSession::NeedInput>(action)) co_return co_await read_input();
    if (const auto* output = std::get_if<ServerSession::Send>(&action)) {
        const auto failed = co_await stream_.write(output->bytes);
        co_return !failed;
    }
    if (std::holds_alternative<ServerSession::StartTls>(action)) co_return co_await start_tls();
    if (const auto* body = std::get_if<ServerSession::Body>(&action)) {
        scan_.feed(body->bytes);
        size_ += body->bytes.size();
        if (file_.is_open())
            file_.write(body->bytes.data(), static_cast<std::streamsize>(body->bytes.size()));
    } else if (const auto* auth = std::get_if<ServerSession::CheckAuth>(&action)) {
        check(*auth);
    } else if (std::holds_alternative<ServerSession::CheckSender>(action)) {
        auto refusal = sink_.scripted(Stage::Mail);
        if (!refusal) refusal = sink_.over_limit();
        session_.sender_verdict(std::move(refusal));
    } else if (std::holds_alternative<ServerSession::CheckRecipient>(action)) {
        session_.recipient_verdict(sink_.scripted(Stage::Rcpt));
    } else if (const auto* begin = std::get_if<ServerSession::OpenMessage>(&action)) {
        open(begin->envelope);
    } else if (std::holds_alternative<ServerSession::CommitMessage>(action)) {
        commit();
    } else if (!std::holds_alternative<ServerSession::AbortMessage>(action)) {
        co_return false;
    }
    co_return true;
}

runtime::Task<bool> Client::read_input() {
    input_.resize(kInput);
    deadline_.set(kPatience);
    const auto read = co_await stream_.read_some(input_);
    deadline_.clear();
    if (read.closed()) {
        session_.peer_closed();
    } else {
        session_.receive(std::string_view(input_).substr(0, read.bytes));
    }
    co_return true;
}

runtime::Task<bool> Client::start_tls() {
    const std::string failed = co_await stream_.handshake_as_server(*sink_.tls);
    if (!failed.empty()) co_return false;
    session_.tls_ready(protocol::TlsFacts{stream_.tls_version(), stream_.tls_cipher()});
    co_return true;
}

void Client::check(const ServerSession::CheckAuth& question) {
    const bool right = question.login == sink_.options.login && question.password == sink_.options.password;
    session_.auth_verdict(right ? protocol::AuthVerdict::Accepted : protocol::AuthVerdict::Refused);
}

void Client::open(const protocol::Envelope& envelope) {
    envelope_ = envelope;
    scan_ = protocol::HeaderScan();
    size_ = 0;
    auto refusal = sink_.scripted(Stage::Data);
    if (!refusal && !sink_.options.save.empty()) {
        file_ = std::ofstream(sink_.options.save / fmt::format("{:06}.eml", sink_.messages + 1),
                              std::ios::binary);
    }
    session_.message_opened(std::move(refusal));
}

void Client::commit() {
    if (file_.is_open()) file_.close();
    scan_.finish();
    if (auto refusal = sink_.scripted(Stage::Content)) {
        session_.message_refused(std::move(*refusal));
        return;
    }
    ++sink_.messages;
    if (sink_.options.limit) sink_.taken.push_back(sink_.clock.now());
    const Captured captured{sink_.messages,
                            envelope_,
                            size_,
                            session_.login(),
                            session_.tls() ? session_.tls()->version : std::string(),
                            std::string(scan_.value(protocol::HeaderField::MessageId))};
    sink_.on_message(captured);
    session_.message_stored(fmt::format("sink-{}", sink_.messages));
}

}  // namespace

std::optional<Reply> Sink::Impl::scripted(Stage stage) const {
    const auto found = options.replies.find(stage);
    if (found == options.replies.end()) return std::nullopt;
    return found->second;
}

std::optional<Reply> Sink::Impl::over_limit() {
    if (!options.limit) return std::nullopt;
    const auto window_start = clock.now() - options.limit->window;
    while (!taken.empty() && taken.front() <= window_start)
        taken.pop_front();
    if (taken.size() < options.limit->count) return std::nullopt;
    return Reply(450, EnhancedCode{4, 7, 1},
                 fmt::format("Too many messages, the limit is {}", config::to_string(*options.limit)));
}

void Sink::Impl::accept_next() {
    acceptor.async_accept([this](const boost::system::error_code& failed, auto socket) {
        if (stopped) return;
        if (!failed) {
            auto client = std::make_shared<Client>(*this, std::move(socket));
            auto ended = [client](const std::exception_ptr& failure) {
                if (failure) std::rethrow_exception(failure);  // a bug: nothing of ours throws
            };
            asio::co_spawn(loop.io(), client->run(), std::move(ended));
        }
        accept_next();
    });
}

Sink::Sink(runtime::Loop& loop, Options options, std::function<void(const Captured&)> on_message)
    : impl_(std::make_unique<Impl>(loop, std::move(options), std::move(on_message))) {}

Sink::~Sink() = default;

Result<void> Sink::open() {
    auto& sink = *impl_;
    auto options = std::make_shared<protocol::ServerOptions>();
    options->hostname = "sink.localhost";
    options->offer_starttls = sink.options.tls == config::TlsMode::StartTls;
    options->auth = sink.options.login.empty() ? protocol::AuthPolicy::None : protocol::AuthPolicy::Required;
    options->auth_in_clear = sink.options.tls == config::TlsMode::None;
    options->max_message_size = std::uint64_t{1} << 40U;
    options->max_recipients = 100000;
    sink.server_options = std::move(options);
    if (sink.options.tls != config::TlsMode::None) {
        auto certificates = make_throwaway_certificates();
        if (!certificates) return std::unexpected(certificates.error());
        auto context = net::make_server_context_from_pem(certificates->certificate, certificates->key);
        if (!context) return std::unexpected(context.error());
        sink.tls = std::move(*context);
        sink.authority = std::move(certificates->authority);
    }
    boost::system::error_code failed;
    const auto address = asio::ip::make_address(sink.options.listen.address, failed);
    if (failed) return fail(fmt::format("{} is not a numeric address", sink.options.listen.address));
    const asio::ip::tcp::endpoint endpoint(address, sink.options.listen.port);
    sink.acceptor.open(endpoint.protocol(), failed);
    if (!failed) sink.acceptor.set_option(asio::socket_base::reuse_address(true), failed);
    if (!failed) sink.acceptor.set_option(asio::ip::tcp::no_delay(true), failed);
    if (!failed) sink.acceptor.bind(endpoint, failed);
    if (!failed) sink.acceptor.listen(asio::socket_base::max_listen_connections, failed);
    if (failed) {
        return fail(fmt::format("the sink cannot listen on {}: {}; choose another address with --listen",
                                config::to_string(sink.options.listen), failed.message()),
                    failed.value());
    }
    sink.accept_next();
    return {};
}

void Sink::stop() {
    impl_->stopped = true;
    boost::system::error_code ignored;
    impl_->acceptor.close(ignored);
    for (auto* stream : impl_->streams)
        stream->cancel();
}

std::uint16_t Sink::port() const {
    boost::system::error_code ignored;
    return impl_->acceptor.local_endpoint(ignored).port();
}

const std::string& Sink::authority() const {
    return impl_->authority;
}

}  // namespace posthouse::sink
