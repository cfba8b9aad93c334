#include "daemon/net/tls_context.h"

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string_view>

namespace posthouse::net {
namespace {

namespace ssl = boost::asio::ssl;

// Our sessions are short and many: give the 34 KiB of record buffers back between records.
constexpr unsigned long kModes = SSL_MODE_RELEASE_BUFFERS;

std::shared_ptr<ssl::context> new_context(ssl::context::method method) {
    auto context = std::make_shared<ssl::context>(method);
    SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context->native_handle(), kModes);
    // Sessions are resumed by tickets; no cache grows in memory.
    SSL_CTX_set_session_cache_mode(context->native_handle(), SSL_SESS_CACHE_OFF);
    return context;
}

bool is_numeric(const std::string& host) {
    boost::system::error_code error;
    boost::asio::ip::make_address(host, error);
    return !error;
}

}  // namespace

Result<TlsContext> make_server_context(const config::ListenerTls& settings) {
    auto context = new_context(ssl::context::tls_server);
    boost::system::error_code error;
    if (settings.minimum_version == config::TlsVersion::Tls13) {
        SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_3_VERSION);
    }
    context->use_certificate_chain_file(settings.certificate.string(), error);
    if (error) {
        return fail(
            fmt::format("cannot use certificate {}: {}; give a PEM file with the server's certificate "
                        "followed by its intermediates",
                        settings.certificate.string(), error.message()));
    }
    context->use_private_key_file(settings.key.string(), ssl::context::pem, error);
    if (error) {
        return fail(fmt::format("cannot use private key {}: {}; give the unencrypted PEM key of {}",
                                settings.key.string(), error.message(), settings.certificate.string()));
    }
    if (SSL_CTX_check_private_key(context->native_handle()) != 1) {
        return fail(fmt::format("private key {} does not belong to certificate {}", settings.key.string(),
                                settings.certificate.string()));
    }
    return TlsContext{std::move(context)};
}

Result<TlsContext> make_server_context_from_pem(const std::string& certificate, const std::string& key) {
    auto context = new_context(ssl::context::tls_server);
    boost::system::error_code error;
    context->use_certificate_chain(boost::asio::buffer(certificate), error);
    if (!error) context->use_private_key(boost::asio::buffer(key), ssl::context::pem, error);
    if (error) return fail(fmt::format("cannot use the certificate in memory: {}", error.message()));
    return TlsContext{std::move(context)};
}

Result<TlsContext> make_client_context(const config::Verify& verify) {
    auto context = new_context(ssl::context::tls_client);
    boost::system::error_code error;
    if (const auto* authority = std::get_if<config::VerifyAuthority>(&verify)) {
        context->set_verify_mode(ssl::verify_peer);
        if (authority->ca_file.empty()) {
            context->set_default_verify_paths(error);
            if (error) {
                return fail(
                    fmt::format("cannot load the system's certificate authorities: {}; install the package "
                                "ca-certificates or set verify.ca_file",
                                error.message()));
            }
        } else {
            context->load_verify_file(authority->ca_file.string(), error);
            if (error) {
                return fail(fmt::format("cannot load certificate authorities from {}: {}; give a PEM file",
                                        authority->ca_file.string(), error.message()));
            }
        }
    } else {
        context->set_verify_mode(ssl::verify_none);  // pins are checked after the handshake
    }
    return TlsContext{std::move(context)};
}

PeerIdentity identity_of(const config::Upstream& upstream) {
    PeerIdentity identity;
    if (!is_numeric(upstream.host)) identity.server_name = upstream.host;
    if (const auto* authority = std::get_if<config::VerifyAuthority>(&upstream.verify)) {
        identity.verify_name = authority->name.empty() ? upstream.host : authority->name;
        if (!authority->name.empty() && !is_numeric(authority->name)) identity.server_name = authority->name;
    } else if (const auto* pins = std::get_if<config::VerifyPins>(&upstream.verify)) {
        identity.pins = pins->sha256;
    } else {
        identity.verify = false;
    }
    return identity;
}

}  // namespace posthouse::net
