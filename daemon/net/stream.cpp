#include "daemon/net/stream.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>

namespace posthouse::net {
namespace {

namespace asio = boost::asio;

std::string describe(const error_code& error) {
    if (error == asio::error::operation_aborted) return "timed out";
    if (error == asio::error::eof || error == asio::ssl::error::stream_truncated) {
        return "the other side closed the connection";
    }
    return error.message();
}

std::string describe_verification(SSL* ssl) {
    const long verdict = SSL_get_verify_result(ssl);
    if (verdict == X509_V_OK) return {};
    return fmt::format("certificate not accepted: {}", X509_verify_cert_error_string(verdict));
}

// SSL_set_tlsext_host_name is a macro with a C cast in it; this is what it does.
void set_server_name(SSL* ssl, std::string name) {
    SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
}

bool matches_pin(SSL* ssl, const PeerIdentity& identity) {
    X509* leaf = SSL_get0_peer_certificate(ssl);
    std::array<std::uint8_t, 32> digest{};
    unsigned int length = 0;
    if (leaf == nullptr || X509_digest(leaf, EVP_sha256(), digest.data(), &length) != 1) return false;
    return std::ranges::find(identity.pins, digest) != identity.pins.end();
}

}  // namespace

struct Stream::Tls {
    Tls(Socket& socket, const TlsContext& context) : stream(socket, context.native()) {}
    asio::ssl::stream<Socket&> stream;
};

// Outlives the stream if its wait is still pending.
struct Stream::Watch {
    std::function<void()> callback;
};

Stream::Stream(Socket socket) : socket_(std::move(socket)) {
    error_code ignored;
    socket_.non_blocking(true, ignored);
}

Stream::~Stream() {
    close();
}

runtime::Task<ReadResult> Stream::read_some(std::span<char> into) {
    const auto buffer = asio::buffer(into.data(), into.size());
    if (tls_) {
        auto [error, bytes] = co_await tls_->stream.async_read_some(buffer, runtime::kAwait);
        co_return ReadResult(error, bytes);
    }
    auto [error, bytes] = co_await socket_.async_read_some(buffer, runtime::kAwait);
    co_return ReadResult(error, bytes);
}

std::size_t Stream::write_now(std::string_view bytes) {
    if (tls_) return 0;
    error_code error;
    return socket_.write_some(asio::buffer(bytes.data(), bytes.size()), error);
}

runtime::Task<error_code> Stream::write(std::string_view bytes) {
    if (tls_) {
        const auto buffer = asio::buffer(bytes.data(), bytes.size());
        auto [error, written] = co_await asio::async_write(tls_->stream, buffer, runtime::kAwait);
        static_cast<void>(written);
        co_return error;
    }
    bytes.remove_prefix(write_now(bytes));
    if (bytes.empty()) co_return error_code{};
    const auto rest = asio::buffer(bytes.data(), bytes.size());
    auto [error, written] = co_await asio::async_write(socket_, rest, runtime::kAwait);
    static_cast<void>(written);
    co_return error;
}

runtime::Task<std::string> Stream::handshake_as_server(const TlsContext& context) {
    tls_ = std::make_unique<Tls>(socket_, context);
    auto [error] = co_await tls_->stream.async_handshake(asio::ssl::stream_base::server, runtime::kAwait);
    if (error) co_return describe(error);
    co_return std::string{};
}

runtime::Task<std::string> Stream::handshake_as_client(const TlsContext& context,
                                                       const PeerIdentity& identity) {
    tls_ = std::make_unique<Tls>(socket_, context);
    SSL* ssl = tls_->stream.native_handle();
    if (!identity.server_name.empty()) set_server_name(ssl, identity.server_name);
    if (identity.verify && identity.pins.empty()) {
        error_code numeric;
        asio::ip::make_address(identity.verify_name, numeric);
        X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl);
        X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        const int set = numeric ? X509_VERIFY_PARAM_set1_host(parameters, identity.verify_name.c_str(), 0)
                                : X509_VERIFY_PARAM_set1_ip_asc(parameters, identity.verify_name.c_str());
        if (set != 1)
            co_return fmt::format("{} is not a name that a certificate can have", identity.verify_name);
    }
    auto [error] = co_await tls_->stream.async_handshake(asio::ssl::stream_base::client, runtime::kAwait);
    if (error) {
        auto why = describe_verification(ssl);
        if (!why.empty()) co_return why;
        co_return describe(error);
    }
    if (!identity.pins.empty() && !matches_pin(ssl, identity)) {
        co_return std::string("certificate not accepted: its SHA-256 digest is none of the pinned ones");
    }
    co_return std::string{};
}

bool Stream::encrypted() const {
    return tls_ != nullptr;
}

std::string Stream::tls_version() const {
    return tls_ ? SSL_get_version(tls_->stream.native_handle()) : "";
}

std::string Stream::tls_cipher() const {
    return tls_ ? SSL_CIPHER_get_name(SSL_get_current_cipher(tls_->stream.native_handle())) : "";
}

void Stream::watch_readable(std::function<void()> callback) {
    watch_ = std::make_shared<Watch>(std::move(callback));
    socket_.async_wait(Socket::wait_read, [watch = watch_](const error_code& error) {
        if (!error && watch->callback) watch->callback();
    });
}

void Stream::stop_watching() {
    if (!watch_) return;
    watch_->callback = nullptr;
    watch_.reset();
    cancel();
}

void Stream::cancel() {
    error_code ignored;
    socket_.cancel(ignored);
}

void Stream::close() {
    if (!socket_.is_open()) return;
    error_code ignored;
    socket_.close(ignored);
}

PeerAddress peer_address(const Socket& socket) {
    PeerAddress peer;
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    auto* address = reinterpret_cast<sockaddr*>(&storage);  // the sockets API's own idiom
    if (::getpeername(const_cast<Socket&>(socket).native_handle(), address, &length) != 0) {
        peer.text = "unknown";
        return peer;
    }
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (storage.ss_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &storage, sizeof v4);
        ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
        peer.octets[10] = peer.octets[11] = 0xff;
        std::memcpy(peer.octets.data() + 12, &v4.sin_addr, 4);
        peer.text = text.data();
    } else if (storage.ss_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &storage, sizeof v6);
        std::memcpy(peer.octets.data(), &v6.sin6_addr, 16);
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
            ::inet_ntop(AF_INET, peer.octets.data() + 12, text.data(), text.size());
        } else {
            ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
        }
        peer.text = text.data();
    } else {
        peer.is_unix = true;
        peer.text = "unix";
    }
    return peer;
}

}  // namespace posthouse::net
