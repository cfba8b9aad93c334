#include "daemon/admin/server.h"

#include "daemon/admin/views.h"
#include "daemon/runtime/await.h"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <exception>
#include <set>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace posthouse::admin {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace json = boost::json;
using HttpStream = beast::basic_stream<asio::generic::stream_protocol>;
using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr std::chrono::seconds kRequestTime{30};
constexpr std::uint64_t kMaxBody = 64U << 10U;
constexpr std::uint32_t kMaxHeader = 16U << 10U;
constexpr std::size_t kMaxSessions = 64;
constexpr std::size_t kDefaultPage = 100;
constexpr std::size_t kMaxPage = 1000;

Response respond(http::status status, const json::value& body) {
    Response response(status, 11);
    response.set(http::field::content_type, "application/json");
    response.set(http::field::cache_control, "no-store");
    response.body() = json::serialize(body);
    response.body().push_back('\n');
    return response;
}

Response error(http::status status, std::string_view code, std::string message) {
    return respond(status,
                   json::object{{"error", json::object{{"code", code}, {"message", std::move(message)}}}});
}

// The value of `name` in "a=1&b=2"; nothing needs percent-decoding in our parameters.
std::string_view parameter(std::string_view query, std::string_view name) {
    while (!query.empty()) {
        const auto end = std::min(query.find('&'), query.size());
        const auto pair = query.substr(0, end);
        if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') {
            return pair.substr(name.size() + 1);
        }
        query.remove_prefix(std::min(end + 1, query.size()));
    }
    return {};
}

}  // namespace

struct Server::Impl {
    explicit Impl(Services given) : services(std::move(given)) {}

    Result<void> open(const config::Endpoint& endpoint);
    void accept_next(Acceptor& acceptor);
    runtime::Task<void> serve(HttpStream& stream);
    runtime::Task<Response> answer(const Request& request);
    runtime::Task<Response> list_queue(std::string_view query);
    runtime::Task<Response> show_message(std::string_view id_text);
    Response list_upstreams();
    Response ready();

    Services services;
    std::vector<std::unique_ptr<Acceptor>> acceptors;
    std::vector<std::string> socket_files;
    std::set<HttpStream*> sessions;
    bool stopped = false;
};

Server::Server(Services services) : impl_(std::make_unique<Impl>(std::move(services))) {}

Server::~Server() = default;

Result<void> Server::open() {
    for (const auto& endpoint : impl_->services.settings->admin.listen) {
        if (auto opened = impl_->open(endpoint); !opened) return opened;
    }
    return {};
}

Result<void> Server::Impl::open(const config::Endpoint& endpoint) {
    asio::generic::stream_protocol::endpoint address;
    const auto* local = std::get_if<config::UnixEndpoint>(&endpoint);
    boost::system::error_code failed;
    if (local != nullptr) {
        const auto path = local->path.string();
        if (path.size() >= sizeof(sockaddr_un::sun_path)) {
            return fail(
                fmt::format("the path of the admin socket {} is longer than the system allows; set "
                            "admin.listen to a shorter one",
                            path));
        }
        ::unlink(path.c_str());  // the spool's lock is ours: a socket file there is a dead one
        address = asio::local::stream_protocol::endpoint(path);
    } else {
        const auto& tcp = std::get<config::TcpEndpoint>(endpoint);
        const auto ip = asio::ip::make_address(tcp.address.empty() ? "::" : tcp.address, failed);
        if (failed || !ip.is_loopback()) {
            return fail(
                fmt::format("admin.listen {} is not a loopback address; use 127.0.0.1, ::1 or unix:PATH",
                            config::to_string(endpoint)));
        }
        address = asio::ip::tcp::endpoint(ip, tcp.port);
    }
    auto acceptor = std::make_unique<Acceptor>(services.queue_loop.io());
    acceptor->open(address.protocol(), failed);
    if (!failed && local == nullptr) acceptor->set_option(asio::socket_base::reuse_address(true), failed);
    const auto mask = ::umask(0177);  // the socket is for the daemon's own account
    if (!failed) acceptor->bind(address, failed);
    ::umask(mask);
    if (!failed) acceptor->listen(asio::socket_base::max_listen_connections, failed);
    if (failed) {
        return fail(fmt::format("cannot listen on {} for the admin API: {}; correct admin.listen",
                                config::to_string(endpoint), failed.message()),
                    failed.value());
    }
    if (local != nullptr) socket_files.push_back(local->path.string());
    acceptors.push_back(std::move(acceptor));
    return {};
}

void Server::start() {
    for (auto& acceptor : impl_->acceptors)
        impl_->accept_next(*acceptor);
}

void Server::stop() {
    impl_->stopped = true;
    boost::system::error_code ignored;
    for (auto& acceptor : impl_->acceptors)
        acceptor->close(ignored);
    for (auto* session : impl_->sessions)
        session->cancel();
    for (const auto& path : impl_->socket_files)
        ::unlink(path.c_str());
}

void Server::Impl::accept_next(Acceptor& acceptor) {
    acceptor.async_accept([this, &acceptor](const boost::system::error_code& failed,
                                            asio::generic::stream_protocol::socket socket) {
        if (stopped) return;
        if (!failed && sessions.size() < kMaxSessions) {
            auto stream = std::make_shared<HttpStream>(std::move(socket));
            sessions.insert(stream.get());
            auto ended = [this, stream](const std::exception_ptr& failure) {
                sessions.erase(stream.get());
                if (failure) std::rethrow_exception(failure);  // a bug: nothing of ours throws
            };
            asio::co_spawn(services.queue_loop.io(), serve(*stream), std::move(ended));
        }
        accept_next(acceptor);
    });
}

runtime::Task<void> Server::Impl::serve(HttpStream& stream) {
    beast::flat_buffer buffer;
    while (!stopped) {
        http::request_parser<http::string_body> parser;
        parser.body_limit(kMaxBody);
        parser.header_limit(kMaxHeader);
        stream.expires_after(kRequestTime);
        auto [failed, size] = co_await http::async_read(stream, buffer, parser, runtime::kAwait);
        static_cast<void>(size);
        if (failed == http::error::end_of_stream || failed == asio::error::operation_aborted) break;
        Response response;
        if (failed) {
            response = error(http::status::bad_request, "bad_request", failed.message());
            response.keep_alive(false);
        } else {
            response = co_await answer(parser.get());
            response.keep_alive(parser.get().keep_alive());
        }
        response.prepare_payload();
        stream.expires_after(kRequestTime);
        auto [write_failed, written] = co_await http::async_write(stream, response, runtime::kAwait);
        static_cast<void>(written);
        if (write_failed || !response.keep_alive()) break;
    }
    boost::system::error_code ignored;
    stream.socket().shutdown(asio::socket_base::shutdown_both, ignored);
}

runtime::Task<Response> Server::Impl::answer(const Request& request) {
    const std::string_view target(request.target().data(), request.target().size());
    const auto path = target.substr(0, target.find('?'));
    const auto query = path.size() < target.size() ? target.substr(path.size() + 1) : std::string_view();
    if (request.method() != http::verb::get) {
        co_return error(http::status::method_not_allowed, "method_not_allowed",
                        "this version only answers GET");
    }
    constexpr std::string_view kMessages = "/api/v1/messages/";
    if (path == "/healthz") co_return respond(http::status::ok, json::object{{"status", "alive"}});
    if (path == "/readyz") co_return ready();
    if (path == "/api/v1/queue") co_return co_await list_queue(query);
    if (path == "/api/v1/upstreams") co_return list_upstreams();
    if (path.starts_with(kMessages)) co_return co_await show_message(path.substr(kMessages.size()));
    co_return error(http::status::not_found, "not_found", fmt::format("there is no {}", path));
}

Response Server::Impl::ready() {
    const auto space = services.spool.space();
    std::string_view reason;
    if (!services.accepting()) reason = "draining";
    if (space.failed) reason = "the spool cannot be written";
    if (space.low) reason = "not enough disk space in the spool";
    if (reason.empty()) return respond(http::status::ok, json::object{{"status", "ready"}});
    return error(http::status::service_unavailable, "not_ready", std::string(reason));
}

Response Server::Impl::list_upstreams() {
    json::array upstreams;
    for (const auto& upstream : services.queue.upstreams(services.clock.now())) {
        upstreams.push_back(upstream_view(upstream));
    }
    return respond(http::status::ok, json::object{{"upstreams", std::move(upstreams)}});
}

runtime::Task<Response> Server::Impl::list_queue(std::string_view query) {
    spool::MessageId after;
    if (const auto text = parameter(query, "after"); !text.empty()) {
        const auto id = spool::parse_message_id(text);
        if (!id) {
            co_return error(http::status::bad_request, "bad_cursor", "`after` is not a message id");
        }
        after = *id;
    }
    std::size_t limit = kDefaultPage;
    if (const auto text = parameter(query, "limit"); !text.empty()) {
        const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), limit);
        if (failed != std::errc() || end != text.data() + text.size() || limit == 0 || limit > kMaxPage) {
            co_return error(http::status::bad_request, "bad_limit",
                            "`limit` must be a number from 1 to 1000");
        }
    }
    const auto total = services.queue.size();
    auto views = services.queue.list(after, limit, services.clock.now());
    std::move_only_function<json::array()> reading = [this, &views] {
        json::array rows;
        for (const auto& view : views) {
            const auto stored = services.spool.read_message(view.location);
            rows.push_back(queue_row(view, stored ? &(*stored)->accepted : nullptr));
        }
        return rows;
    };
    auto rows =
        co_await runtime::run_blocking<json::array>(services.disk, services.queue_loop, std::move(reading));
    json::object body{{"total", total}};
    if (views.size() == limit) body["next"] = spool::to_string(views.back().id);
    body["messages"] = std::move(rows);
    co_return respond(http::status::ok, body);
}

runtime::Task<Response> Server::Impl::show_message(std::string_view id_text) {
    const auto id = spool::parse_message_id(id_text);
    const auto view = id ? services.queue.find(*id, services.clock.now()) : std::nullopt;
    if (!view) {
        co_return error(
            http::status::not_found, "no_such_message",
            fmt::format("no message {} is in the queue; it may be finished, see the log", id_text));
    }
    using Read = Result<json::object>;
    std::move_only_function<Read()> reading = [this, &view]() -> Read {
        const auto stored = services.spool.read_message(view->location);
        if (!stored) return std::unexpected(stored.error());
        const auto chain = services.spool.read_chain(view->newest);
        if (!chain) return std::unexpected(chain.error());
        return message_view(*view, (*stored)->accepted, *chain);
    };
    auto message =
        co_await runtime::run_blocking<Read>(services.disk, services.queue_loop, std::move(reading));
    if (!message) {
        co_return error(http::status::internal_server_error, "unreadable", message.error().message());
    }
    co_return respond(http::status::ok, std::move(*message));
}

}  // namespace posthouse::admin
