// Stream: one connection's bytes, plain or TLS, over TCP or a unix socket; upgraded in place by a handshake.
//
// write_now() tries the socket without suspending: a reply that fits into the socket's buffer costs one
// system call and no turn of the loop. Lives on one loop; one reader and one writer at a time. cancel() may
// be called from a deadline: pending operations end with operation_aborted.
#pragma once

#include "daemon/net/tls_context.h"
#include "daemon/runtime/task.h"

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/system/error_code.hpp>

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace posthouse::net {

using Socket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, runtime::Executor>;
using boost::system::error_code;

struct ReadResult {
    error_code error;
    std::size_t bytes = 0;
    ReadResult(error_code e, std::size_t n) : error(e), bytes(n) {}
    [[nodiscard]] bool closed() const { return static_cast<bool>(error); }
};

class Stream {
  public:
    // TCP sockets come with TCP_NODELAY set.
    explicit Stream(Socket socket);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    runtime::Task<ReadResult> read_some(std::span<char> into);
    // Everything or an error.
    runtime::Task<error_code> write(std::string_view bytes);
    // The part of `bytes` that the socket's buffer takes right now, without a coroutine; 0 with TLS. Errors
    // are left for write() to meet: while (bytes left after write_now) co_await write(rest).
    [[nodiscard]] std::size_t write_now(std::string_view bytes);

    // The text names the cause, with the certificate's fault where there is one; empty on success.
    runtime::Task<std::string> handshake_as_server(const TlsContext& context);
    runtime::Task<std::string> handshake_as_client(const TlsContext& context, const PeerIdentity& identity);

    [[nodiscard]] bool encrypted() const;
    [[nodiscard]] std::string tls_version() const;  // "TLSv1.3"
    [[nodiscard]] std::string tls_cipher() const;

    // Calls back once if bytes or the end of the stream arrive while nobody reads.
    void watch_readable(std::function<void()> callback);
    void stop_watching();

    void cancel();
    // Closes at once; with TLS a close_notify is tried without waiting for the answer.
    void close();

  private:
    struct Tls;
    struct Watch;

    Socket socket_;
    std::unique_ptr<Tls> tls_;
    std::shared_ptr<Watch> watch_;
};

// Numeric address of the peer: "192.0.2.1", "2001:db8::1", or "unix". `octets` is the IPv6 form (IPv4
// mapped).
struct PeerAddress {
    std::string text;
    std::array<std::uint8_t, 16> octets{};
    bool is_unix = false;
};
[[nodiscard]] PeerAddress peer_address(const Socket& socket);

}  // namespace posthouse::net
