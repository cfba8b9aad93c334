#include "daemon/submission/listener.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <exception>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace posthouse::submission {
namespace {

namespace asio = boost::asio;
using config::LogLevel;

std::shared_ptr<const protocol::ServerOptions> options_for(const config::Settings& settings,
                                                           const config::Listener& listener) {
    auto options = std::make_shared<protocol::ServerOptions>();
    options->hostname = settings.hostname;
    options->offer_starttls = listener.tls == config::TlsMode::StartTls;
    options->auth = listener.auth;
    options->auth_in_clear = listener.auth_in_clear;
    if (settings.clients.users_file.empty() && listener.auth == protocol::AuthPolicy::Optional) {
        options->auth = protocol::AuthPolicy::None;  // nobody could log in: do not offer it
    }
    options->bare_newlines = settings.clients.bare_newlines;
    options->max_message_size = settings.clients.max_message_size;
    options->max_recipients = settings.clients.max_recipients;
    return options;
}

std::string advice_for(const boost::system::error_code& error, const config::Endpoint& endpoint) {
    if (error == boost::system::errc::address_in_use) {
        return "another program listens there; stop it or choose another port";
    }
    if (error == boost::system::errc::permission_denied &&
        std::holds_alternative<config::TcpEndpoint>(endpoint)) {
        return "ports below 1024 need the capability CAP_NET_BIND_SERVICE";
    }
    if (std::holds_alternative<config::UnixEndpoint>(endpoint))
        return "create the folder, or correct its owner";
    return "correct `listen`";
}

// A socket file that nobody answers on is left over from a crash.
bool is_stale(const std::string& path) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
    asio::io_context io;
    asio::local::stream_protocol::socket probe(io);
    boost::system::error_code error;
    probe.connect(asio::local::stream_protocol::endpoint(path), error);
    return error == boost::system::errc::connection_refused;
}

}  // namespace

Listener::Listener(Services& services, Admission& admission,
                   std::vector<std::unique_ptr<LoopConnections>>& loops, const config::Listener& settings)
    : services_(services),
      admission_(admission),
      loops_(loops),
      settings_(settings),
      options_(options_for(*services.settings, settings)),
      acceptor_(loops.front()->loop.io()),
      pause_(loops.front()->loop.io()) {}

Listener::~Listener() = default;

Result<void> Listener::open() {
    if (const auto* local = std::get_if<config::UnixEndpoint>(&settings_.endpoint)) {
        const std::string path = local->path.string();
        if (is_stale(path)) ::unlink(path.c_str());
        return bind(asio::local::stream_protocol::endpoint(path));
    }
    const auto& tcp = std::get<config::TcpEndpoint>(settings_.endpoint);
    boost::system::error_code error;
    const auto address = asio::ip::make_address(tcp.address.empty() ? "::" : tcp.address, error);
    if (error) return fail(fmt::format("{} is not a numeric address; correct `listen`", tcp.address));
    return bind(asio::ip::tcp::endpoint(address, tcp.port));
}

Result<void> Listener::bind(const asio::generic::stream_protocol::endpoint& endpoint) {
    boost::system::error_code error;
    acceptor_.open(endpoint.protocol(), error);
    const bool is_unix = std::holds_alternative<config::UnixEndpoint>(settings_.endpoint);
    if (!error && !is_unix) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    // Accepted sockets inherit it: replies are small and must not wait for an acknowledgement.
    if (!error && !is_unix) acceptor_.set_option(asio::ip::tcp::no_delay(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
        return fail(fmt::format("cannot listen on {}: {}; {}", config::to_string(settings_.endpoint),
                                error.message(), advice_for(error, settings_.endpoint)),
                    error.value());
    }
    return {};
}

config::Endpoint Listener::bound_endpoint() const {
    const auto* tcp = std::get_if<config::TcpEndpoint>(&settings_.endpoint);
    if (tcp == nullptr) return settings_.endpoint;
    boost::system::error_code error;
    const auto local = acceptor_.local_endpoint(error);
    asio::ip::tcp::endpoint endpoint;
    if (error || local.size() > endpoint.capacity()) return settings_.endpoint;
    std::memcpy(endpoint.data(), local.data(), local.size());
    endpoint.resize(local.size());
    return config::TcpEndpoint{tcp->address, endpoint.port()};
}

void Listener::start() {
    services_.log.write(LogLevel::Info, "listening", {{"on", config::to_string(bound_endpoint())}});
    accept_next();
}

void Listener::stop() {
    stopped_ = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    if (const auto* local = std::get_if<config::UnixEndpoint>(&settings_.endpoint)) {
        ::unlink(local->path.c_str());
    }
}

void Listener::accept_next() {
    LoopConnections& on = *loops_[next_loop_];
    next_loop_ = (next_loop_ + 1) % loops_.size();
    acceptor_.async_accept(
        on.loop.io(), [this, &on](const boost::system::error_code& error, net::Socket socket) {
            if (stopped_) return;
            if (error == boost::system::errc::too_many_files_open ||
                error == boost::system::errc::too_many_files_open_in_system) {
                services_.log.write(
                    LogLevel::Error, "accept_failed",
                    {{"reason", error.message()},
                     {"advice", "raise the limit of open files or lower clients.max_connections"}});
                pause_.expires_after(std::chrono::milliseconds{200});
                pause_.async_wait([this](const boost::system::error_code& cancelled) {
                    if (!cancelled && !stopped_) accept_next();
                });
                return;
            }
            if (!error) accepted(std::move(socket), on);
            accept_next();
        });
}

void Listener::accepted(net::Socket socket, LoopConnections& on) {
    auto peer = net::peer_address(socket);
    std::optional<Admission::Address> address;
    if (!peer.is_unix) address = peer.octets;
    std::optional<protocol::Reply> refusal;
    if (auto reason = admission_.admit(address)) {
        services_.log.write(LogLevel::Warning, "connection_refused",
                            {{"client", peer.text}, {"reason", *reason}});
        refusal = protocol::Reply(421, protocol::EnhancedCode{4, 3, 2}, *reason);
    }
    const bool admitted = !refusal;
    on.loop.dispatch([this, &on, address, admitted, peer = std::move(peer), refusal = std::move(refusal),
                      client = std::move(socket)]() mutable {
        auto connection =
            std::make_shared<Connection>(services_, on.loop, on.deadlines, std::move(client), std::move(peer),
                                         settings_, options_, std::move(refusal));
        on.open.insert(connection.get());
        auto ended = [this, &on, address, admitted, connection](const std::exception_ptr& failure) {
            on.open.erase(connection.get());
            if (admitted) admission_.release(address);
            if (failure) std::rethrow_exception(failure);  // a bug: nothing of ours throws
        };
        asio::co_spawn(on.loop.io(), connection->run(), std::move(ended));
    });
}

}  // namespace posthouse::submission
