// Settings: the typed, validated, immutable configuration. Plain structs; the loader is the only writer.
//
// Each field is one key of posthouse.example.yaml and carries its default. Only keys that the running relay
// obeys exist here; a key that is not built yet is refused by the loader as unknown.
#pragma once

#include "protocol/client_dialogue.h"
#include "protocol/server_session.h"
#include "protocol/time.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace posthouse::config {

// A secret value. Never printed: to_string and formatting give "********"; reveal() is for the one place of
// use.
class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string value) : value_(std::move(value)) {}
    [[nodiscard]] const std::string& reveal() const { return value_; }
    [[nodiscard]] bool empty() const { return value_.empty(); }

    // Where the value was read from. Empty: a literal. Else one of "file", "env", "credential", and its
    // argument; this is no secret, and is what `check --show` prints.
    void set_source(std::string kind, std::string argument) {
        source_kind_ = std::move(kind);
        source_argument_ = std::move(argument);
    }
    [[nodiscard]] const std::string& source_kind() const { return source_kind_; }
    [[nodiscard]] const std::string& source_argument() const { return source_argument_; }

    friend bool operator==(const Secret&, const Secret&) = default;

  private:
    std::string value_;
    std::string source_kind_;
    std::string source_argument_;
};
inline constexpr std::string_view kSecretMask = "********";
[[nodiscard]] inline std::string to_string(const Secret&) {
    return std::string(kSecretMask);
}

struct TcpEndpoint {
    std::string address;     // numeric IPv4 or IPv6, "" for all
    std::uint16_t port = 0;  // 0: any free port
    friend bool operator==(const TcpEndpoint&, const TcpEndpoint&) = default;
};
struct UnixEndpoint {
    std::filesystem::path path;
    friend bool operator==(const UnixEndpoint&, const UnixEndpoint&) = default;
};
using Endpoint = std::variant<TcpEndpoint, UnixEndpoint>;
[[nodiscard]] std::string to_string(
    const Endpoint& endpoint);  // "127.0.0.1:2525", "[::1]:25", "unix:/run/x.sock"

enum class TlsMode : std::uint8_t { None, StartTls, Implicit };

struct Listener {
    Endpoint endpoint = TcpEndpoint{"127.0.0.1", 2525};
    TlsMode tls = TlsMode::None;  // not given, on TCP: StartTls if a certificate is set
    protocol::AuthPolicy auth = protocol::AuthPolicy::Optional;  // loaded as None when there is no users_file
    bool auth_in_clear = false;
    friend bool operator==(const Listener&, const Listener&) = default;
};

enum class TlsVersion : std::uint8_t { Tls12, Tls13 };

struct ListenerTls {
    std::filesystem::path certificate;  // PEM chain; empty: no TLS on listeners
    std::filesystem::path key;
    TlsVersion minimum_version = TlsVersion::Tls12;
    friend bool operator==(const ListenerTls&, const ListenerTls&) = default;
};

// 10.0.0.0/8, ::1/128. IPv4 is kept as ::ffff:a.b.c.d with prefix + 96.
struct Network {
    std::array<std::uint8_t, 16> address{};
    std::uint8_t prefix = 128;
    friend bool operator==(const Network&, const Network&) = default;
};
[[nodiscard]] std::optional<Network> parse_network(std::string_view text);
[[nodiscard]] bool contains(const Network& network, const std::array<std::uint8_t, 16>& address);

struct Clients {
    std::vector<Network> networks;     // default: 127.0.0.0/8, ::1/128
    std::filesystem::path users_file;  // empty: no logins
    std::size_t max_connections = 1000;
    std::size_t max_connections_per_address = 200;
    std::uint64_t max_message_size = 50ULL << 20U;
    std::size_t max_recipients = 1000;
    protocol::BareNewlines bare_newlines = protocol::BareNewlines::Reject;
    friend bool operator==(const Clients&, const Clients&) = default;
};

struct SpoolSettings {
    std::filesystem::path path;  // default: $STATE_DIRECTORY, $XDG_STATE_HOME/posthouse, /var/lib/posthouse
    std::uint64_t min_free = 512ULL << 20U;
    std::uint64_t max_size = 20ULL << 30U;
    friend bool operator==(const SpoolSettings&, const SpoolSettings&) = default;
};

// N messages or recipients in any window of this length.
enum class LimitUnit : std::uint8_t { Messages, Recipients };
struct Limit {
    std::uint64_t count = 0;  // >= 1
    LimitUnit unit = LimitUnit::Messages;
    Duration window{};  // 1 s .. 366 d
    friend bool operator==(const Limit&, const Limit&) = default;
};
[[nodiscard]] std::string to_string(const Limit& limit);  // "500 recipients / 1d"

// How the certificate of an upstream is checked.
struct VerifyNone {  // verify: false, said in so many words
    friend bool operator==(const VerifyNone&, const VerifyNone&) = default;
};
struct VerifyAuthority {            // verify: true, or {ca_file, name}
    std::filesystem::path ca_file;  // empty: the system's authorities
    std::string name;               // empty: the upstream's host
    friend bool operator==(const VerifyAuthority&, const VerifyAuthority&) = default;
};
struct VerifyPins {  // verify: {sha256: [...]}: digest of the leaf certificate (DER), any one
    std::vector<std::array<std::uint8_t, 32>> sha256;
    friend bool operator==(const VerifyPins&, const VerifyPins&) = default;
};
using Verify = std::variant<VerifyAuthority, VerifyNone, VerifyPins>;

enum class UncertainPolicy : std::uint8_t { Retry, AssumeDelivered, Hold };

// 8-bit content for an upstream without 8BITMIME (key `eight_bit`): convert, fail with 5.6.3, or send as it
// is.
enum class EightBitPolicy : std::uint8_t { Convert, Fail, SendAnyway };

struct UpstreamTimeouts {  // RFC 5321 4.5.3.2
    Duration connect = std::chrono::seconds{30};
    Duration command = std::chrono::minutes{5};
    Duration data = std::chrono::minutes{3};
    Duration final_reply = std::chrono::minutes{10};
    friend bool operator==(const UpstreamTimeouts&, const UpstreamTimeouts&) = default;
};

struct Upstream {
    std::string name;  // key under `upstreams`, [a-z0-9_-]+, at most 64 octets
    std::string host;
    std::uint16_t port = 587;  // not given: 465 with tls: implicit, 25 with tls: none
    TlsMode tls = TlsMode::StartTls;
    Verify verify = VerifyAuthority{};
    std::vector<protocol::AuthMechanism> auth;  // empty: the strongest that both sides know
    std::string login;                          // empty: no AUTH
    Secret password;
    bool auth_in_clear = false;   // with tls: none the login may be sent; true by itself for loopback hosts
    std::size_t connections = 2;  // 1..1000
    std::size_t messages_per_connection = 100;
    std::uint64_t max_message_size = 0;  // 0: no limit but what EHLO says
    std::size_t max_recipients = 100;    // per transaction; larger messages are split
    std::vector<Limit> limits;
    UncertainPolicy uncertain = UncertainPolicy::Retry;
    EightBitPolicy eight_bit = EightBitPolicy::Convert;
    std::vector<Duration> recovery;  // default 30s 1m 5m 15m 1h; the last repeats; never empty after loading
    UpstreamTimeouts timeouts;
    std::vector<std::string> hosts;  // addresses to dial instead of resolving `host`
    friend bool operator==(const Upstream&, const Upstream&) = default;
};

enum class Priority : std::uint8_t { High, Normal, Low };

// Empty pattern: anything. Patterns match the whole address, case-insensitively; '*' stands for any octets.
struct RouteMatch {
    std::string sender;
    std::string recipient;
    std::string login;
    friend bool operator==(const RouteMatch&, const RouteMatch&) = default;
};

struct Route {
    RouteMatch match;
    Priority priority = Priority::Normal;
    std::optional<Duration> expire_after;  // else retry.expire_after
    std::vector<std::size_t> via;          // indexes into Settings::upstreams, in order; never empty
    friend bool operator==(const Route&, const Route&) = default;
};

struct Retry {
    std::vector<Duration> schedule;  // default 1m 2m 5m 10m 15m 30m 1h 2h 4h; the last repeats; never empty
    double jitter = 0.10;            // 0..0.5: each wait is drawn from [1 - jitter, 1 + jitter] * scheduled
    Duration expire_after = std::chrono::days{5};
    friend bool operator==(const Retry&, const Retry&) = default;
};

enum class BounceTarget : std::uint8_t { Sender, Postmaster, None };
struct Bounces {
    BounceTarget to = BounceTarget::Sender;
    std::string postmaster;
    std::vector<std::size_t> via;  // empty: routed like any other message
    friend bool operator==(const Bounces&, const Bounces&) = default;
};

struct Admin {
    std::vector<Endpoint> listen;  // default: unix:$RUNTIME_DIRECTORY/admin.sock, else <spool>/admin.sock
    friend bool operator==(const Admin&, const Admin&) = default;
};

enum class LogLevel : std::uint8_t { Debug, Info, Warning, Error };
enum class LogFormat : std::uint8_t { Text, Json };
struct Log {
    LogLevel level = LogLevel::Info;
    LogFormat format = LogFormat::Text;
    friend bool operator==(const Log&, const Log&) = default;
};

struct Settings {
    std::string hostname;             // default: the machine's FQDN
    std::vector<Listener> listeners;  // never empty
    ListenerTls tls;
    Clients clients;
    SpoolSettings spool;
    std::vector<Upstream> upstreams;  // in file order; never empty
    std::vector<Route> routes;        // first match; the last one matches everything
    Retry retry;
    Bounces bounces;
    Admin admin;
    Log log;
    std::size_t io_threads = 1;  // key `io_threads`, 1..64; default: half the processors, at least 1
    friend bool operator==(const Settings&, const Settings&) = default;
};

}  // namespace posthouse::config
