#include "daemon/upstream/connector.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include <utility>
#include <vector>

namespace posthouse::upstream {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using TcpSocket = asio::basic_stream_socket<tcp, runtime::Executor>;

std::string to_text(const tcp::endpoint& endpoint) {
    const auto address = endpoint.address().to_string();
    if (endpoint.address().is_v6()) return fmt::format("[{}]:{}", address, endpoint.port());
    return fmt::format("{}:{}", address, endpoint.port());
}

}  // namespace

struct Connector::State {
    State(runtime::Loop& loop, const config::Upstream& to)
        : upstream(to), io(loop.io()), resolver(io), socket(io), timer(io) {}

    runtime::Task<std::string> resolve(std::vector<tcp::endpoint>& into);
    runtime::Task<std::string> lookup(const std::string& host, std::vector<tcp::endpoint>& into);
    runtime::Task<std::string> connect(const tcp::endpoint& endpoint);

    const config::Upstream& upstream;
    asio::io_context& io;
    asio::ip::basic_resolver<tcp, runtime::Executor> resolver;
    TcpSocket socket;
    asio::steady_timer timer;
    bool cancelled = false;
};

Connector::Connector(runtime::Loop& loop, const config::Upstream& upstream)
    : state_(std::make_unique<State>(loop, upstream)) {}

Connector::~Connector() = default;

void Connector::cancel() {
    state_->cancelled = true;
    state_->resolver.cancel();
    boost::system::error_code ignored;
    state_->socket.cancel(ignored);
}

runtime::Task<std::string> Connector::State::lookup(const std::string& host,
                                                    std::vector<tcp::endpoint>& into) {
    boost::system::error_code numeric;
    const auto address = asio::ip::make_address(host, numeric);
    if (!numeric) {
        into.emplace_back(address, upstream.port);
        co_return std::string();
    }
    const std::string service = std::to_string(upstream.port);
    auto [error, found] = co_await resolver.async_resolve(host, service, runtime::kAwait);
    if (error) {
        co_return fmt::format(
            "the name {} could not be resolved: {}; check the spelling of `host` and the "
            "machine's DNS",
            host, error.message());
    }
    for (const auto& entry : found)
        into.push_back(entry.endpoint());
    co_return std::string();
}

runtime::Task<std::string> Connector::State::resolve(std::vector<tcp::endpoint>& into) {
    std::vector<std::string> names = upstream.hosts;
    if (names.empty()) names.push_back(upstream.host);
    std::string last;
    for (const auto& name : names) {
        auto failed = co_await lookup(name, into);
        if (!failed.empty()) last = std::move(failed);
    }
    if (into.empty()) co_return last;
    co_return std::string();
}

runtime::Task<std::string> Connector::State::connect(const tcp::endpoint& endpoint) {
    socket = TcpSocket(io);
    bool timed_out = false;
    timer.expires_after(upstream.timeouts.connect);
    timer.async_wait([this, &timed_out](const boost::system::error_code& stopped) {
        if (stopped) return;
        timed_out = true;
        boost::system::error_code ignored;
        socket.cancel(ignored);
    });
    auto [error] = co_await socket.async_connect(endpoint, runtime::kAwait);
    timer.cancel();
    if (!error) co_return std::string();
    if (timed_out) {
        co_return fmt::format(
            "no answer from {} within {} s; a firewall may drop port {}", to_text(endpoint),
            std::chrono::duration_cast<std::chrono::seconds>(upstream.timeouts.connect).count(),
            endpoint.port());
    }
    co_return fmt::format("cannot connect to {}: {}; check `host`, `port` and the firewall",
                          to_text(endpoint), error.message());
}

runtime::Task<Connected> Connector::run() {
    Connected result;
    std::vector<tcp::endpoint> endpoints;
    result.reason = co_await state_->resolve(endpoints);
    for (const auto& endpoint : endpoints) {
        if (state_->cancelled) break;
        result.address = to_text(endpoint);
        result.reason = co_await state_->connect(endpoint);
        if (!result.reason.empty()) continue;
        boost::system::error_code ignored;
        state_->socket.set_option(tcp::no_delay(true), ignored);
        result.socket.emplace(std::move(state_->socket));
        co_return result;
    }
    if (state_->cancelled) result.reason = "stopped";
    co_return result;
}

}  // namespace posthouse::upstream
