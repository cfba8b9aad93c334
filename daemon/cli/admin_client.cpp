#include "daemon/cli/admin_client.h"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <cstdint>

namespace posthouse::cli {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

constexpr std::uint64_t kMaxAnswer = 64U << 20U;

}  // namespace

Result<ApiAnswer> get(const config::Endpoint& endpoint, const std::string& target) {
    asio::io_context io;
    asio::generic::stream_protocol::socket socket(io);
    boost::system::error_code failed;
    if (const auto* local = std::get_if<config::UnixEndpoint>(&endpoint)) {
        socket.connect(asio::local::stream_protocol::endpoint(local->path.string()), failed);
    } else {
        const auto& tcp = std::get<config::TcpEndpoint>(endpoint);
        socket.connect(asio::ip::tcp::endpoint(asio::ip::make_address(tcp.address, failed), tcp.port),
                       failed);
    }
    if (failed) {
        return fail(fmt::format(
            "no daemon answers at {}: {}; is `posthouse serve` running, with the same configuration "
            "and under an account that lets you in?",
            config::to_string(endpoint), failed.message()));
    }
    http::request<http::empty_body> request(http::verb::get, target, 11);
    request.set(http::field::host, "localhost");
    request.keep_alive(false);
    http::write(socket, request, failed);
    boost::beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(kMaxAnswer);
    if (!failed) http::read(socket, buffer, parser, failed);
    if (failed)
        return fail(
            fmt::format("the daemon at {} broke off: {}", config::to_string(endpoint), failed.message()));
    ApiAnswer answer;
    answer.status = parser.get().result_int();
    answer.body = boost::json::parse(parser.get().body(), failed);
    if (failed)
        return fail(fmt::format("the daemon at {} did not answer in JSON", config::to_string(endpoint)));
    return answer;
}

}  // namespace posthouse::cli
