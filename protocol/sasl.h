// SASL as SMTP AUTH carries it: the client's side of six mechanisms, the server's side of PLAIN and LOGIN.
//
// Works on decoded octets; base64 and the 334/235 replies belong to the machines. Challenges are hostile
// input: bounded by the reply parser, parsed strictly, an error ends the exchange.
//
// Logins and passwords are sent as configured, without SASLprep (RFC 4013): for ASCII it would change
// nothing, and for the rest the servers of the field compare octets. Channel binding is not used (gs2 flag
// "n").
//
// RFC 4954 (AUTH), 4616 (PLAIN), 2195 (CRAM-MD5), 5802 and 7677 (SCRAM-SHA-256), 7628 (OAUTHBEARER);
// LOGIN and XOAUTH2 have no RFC.
#pragma once

#include "protocol/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse::protocol {

enum class AuthMechanism : std::uint8_t { Plain, Login, CramMd5, ScramSha256, XOAuth2, OAuthBearer };
[[nodiscard]] std::string_view to_string(AuthMechanism mechanism);                       // "SCRAM-SHA-256"
[[nodiscard]] std::optional<AuthMechanism> parse_auth_mechanism(std::string_view name);  // any case

struct Credentials {
    std::string login;
    std::string secret;     // password, or the bearer token for XOAUTH2/OAUTHBEARER
    bool is_token = false;  // true: only the OAuth2 mechanisms are used; false: never them
};

// Overwrites the characters in a way that the optimizer keeps, then empties the string.
void wipe(std::string& secret) noexcept;

// RFC 4954 4: the longest line of an AUTH exchange, with its CRLF.
inline constexpr std::size_t kMaxSaslLine = 12288;

// One exchange of one mechanism, from the client's side. Wipes what it derived from the secret.
class SaslClient {
  public:
    // `nonce`: SCRAM only; printable ASCII without ','. The credentials must outlive the object.
    SaslClient(AuthMechanism mechanism, const Credentials& credentials, std::string nonce);
    ~SaslClient();
    SaslClient(const SaslClient&) = delete;
    SaslClient& operator=(const SaslClient&) = delete;

    // The message that may travel with the AUTH command; nothing for LOGIN and CRAM-MD5, where the server
    // begins.
    [[nodiscard]] Result<std::optional<std::string>> initial_response();
    // The answer to a 334 challenge (decoded). An error: the challenge makes no sense, cancel the exchange.
    [[nodiscard]] Result<std::string> respond(std::string_view challenge);
    // The server said 235. An error: it has not proved that it knows the password (SCRAM only).
    [[nodiscard]] Result<void> succeeded() const;
    // What the server said about a token that it refuses (JSON, control octets removed); empty if nothing.
    [[nodiscard]] const std::string& server_error() const { return server_error_; }

  private:
    [[nodiscard]] Result<std::string> respond_scram(std::string_view challenge);
    [[nodiscard]] Result<std::string> scram_proof(std::string_view server_first);

    AuthMechanism mechanism_;
    const Credentials& credentials_;
    std::string nonce_;
    int challenges_ = 0;
    std::string client_first_bare_;
    std::string server_signature_;
    bool server_proved_ = false;
    std::string server_error_;
};

// What a client claims to be, as read from PLAIN or LOGIN. Whoever takes it wipes `password`.
struct Claim {
    std::string login;
    std::string password;
};

// RFC 4616 2: authzid NUL authcid NUL passwd. Foreign: a well-formed claim to act for somebody else.
enum class PlainFault : std::uint8_t { Malformed, Foreign };
[[nodiscard]] std::expected<Claim, PlainFault> parse_plain(std::string_view message);

}  // namespace posthouse::protocol
