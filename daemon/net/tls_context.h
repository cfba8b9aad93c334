// TlsContext: the rules of a TLS side: certificate and key of a listener, or how an upstream is verified.
// Immutable after make_...(); shared by all connections; thread-safe as OpenSSL's SSL_CTX is.
//
// RFC 8314, 8996, 9325: TLS 1.2 or newer. RFC 6125/9525: the name is checked against the certificate's SANs.
#pragma once

#include "config/schema.h"
#include "protocol/result.h"

#include <boost/asio/ssl/context.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace posthouse::net {

class TlsContext {
  public:
    [[nodiscard]] boost::asio::ssl::context& native() const { return *context_; }

  private:
    friend Result<TlsContext> make_server_context(const config::ListenerTls& settings);
    friend Result<TlsContext> make_server_context_from_pem(const std::string& certificate,
                                                           const std::string& key);
    friend Result<TlsContext> make_client_context(const config::Verify& verify);
    explicit TlsContext(std::shared_ptr<boost::asio::ssl::context> context) : context_(std::move(context)) {}

    std::shared_ptr<boost::asio::ssl::context> context_;
};

// Reads certificate chain and key; says which file is at fault and why.
[[nodiscard]] Result<TlsContext> make_server_context(const config::ListenerTls& settings);
// The same from PEM texts in memory.
[[nodiscard]] Result<TlsContext> make_server_context_from_pem(const std::string& certificate,
                                                              const std::string& key);
[[nodiscard]] Result<TlsContext> make_client_context(const config::Verify& verify);

// Whom we expect at the other end.
struct PeerIdentity {
    std::string server_name;                         // SNI; empty: none (numeric host)
    std::string verify_name;                         // must be in the certificate; empty: not checked
    std::vector<std::array<std::uint8_t, 32>> pins;  // sha256 of the leaf (DER); empty: not used
    bool verify = true;                              // false: anything goes (verify: false)
};
[[nodiscard]] PeerIdentity identity_of(const config::Upstream& upstream);

}  // namespace posthouse::net
