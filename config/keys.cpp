#include "config/keys.h"

#include "config/endpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace posthouse::config {

using namespace std::chrono_literals;

void check_names(Reader& reader, const Node& node, const SectionNames& names) {
    for (const Node& child : node.children) {
        const auto is_child = [&](std::string_view name) { return name == child.key; };
        if (std::any_of(names.known.begin(), names.known.end(), is_child)) continue;
        if (reader.is_full()) return;
        if (std::any_of(names.not_yet.begin(), names.not_yet.end(), is_child)) {
            reader.fault(child.key_mark,
                         fmt::format("this version does not know the key {}", quote(child.key)), "remove it");
            continue;
        }
        const std::string_view meant = closest(child.key, names.known);
        const std::string advice = meant.empty()
                                       ? fmt::format("the keys here are {}", fmt::join(names.known, ", "))
                                       : fmt::format("did you mean {}?", quote(meant));
        reader.fault(child.key_mark, fmt::format("the key {} is not known", quote(child.key)), advice);
    }
    for (const std::string_view name : names.required) {
        if (!node.has(name))
            reader.fault(node.mark, fmt::format("the key {} is missing", quote(name)), "add it");
    }
}

Node schema_of_section(std::vector<std::pair<std::string_view, Node>> properties,
                       const std::vector<std::string_view>& required) {
    Node map = map_node();
    for (auto& [name, schema] : properties)
        map.add(name, std::move(schema));
    Node schema = schema_of_type("object");
    schema.add("additionalProperties", plain_node("false")).add("properties", std::move(map));
    if (!required.empty()) {
        Node names = list_node();
        for (const std::string_view name : required)
            names.add(text_node(name));
        schema.add("required", std::move(names));
    }
    return schema;
}

namespace {

template <class T, class V, class F>
Key<T> key(std::string_view name, V T::* member, const F& form, std::string_view about) {
    return {
        name, about,
        [member, form](Reader& reader, const Node& node, T& into) {
            return form.read(reader, node, into.*member);
        },
        [member, form](const Settings& settings, const T& from) { return form.show(settings, from.*member); },
        [form] { return form.schema(); }};
}

constexpr std::uint64_t kMiB = 1ULL << 20U;
constexpr std::uint64_t kTiB = 1ULL << 40U;
constexpr DurationForm kAnyWait{1ms, 366 * 24h};
constexpr DurationForm kTimeout{1ms, 24h};

ChoiceForm<TlsMode> tls_mode_form() {
    return ChoiceForm<TlsMode>(
        {{"starttls", TlsMode::StartTls}, {"implicit", TlsMode::Implicit}, {"none", TlsMode::None}});
}

Section<Listener> listener_section() {
    using protocol::AuthPolicy;
    return {
        {
            key("address", &Listener::endpoint, EndpointForm{},
                "Where clients connect: 127.0.0.1:2525, [::1]:587, :25 for all addresses, or unix:/path."),
            key("tls", &Listener::tls, tls_mode_form(),
                "Encryption; by default starttls on TCP if a certificate is set, else none."),
            key("auth", &Listener::auth,
                ChoiceForm<AuthPolicy>({{"none", AuthPolicy::None},
                                        {"optional", AuthPolicy::Optional},
                                        {"required", AuthPolicy::Required}}),
                "Logins; optional by default, which is none as long as there is no users_file."),
            key("auth_in_clear", &Listener::auth_in_clear, FlagForm{},
                "true: take logins without TLS, as on a trusted container network."),
        },
        {"address"},
        {},
        nullptr};
}

Section<ListenerTls> listener_tls_section() {
    return {{
                key("certificate", &ListenerTls::certificate, PathForm{true},
                    "PEM file with the certificate and its chain, for listeners."),
                key("key", &ListenerTls::key, PathForm{true},
                    "PEM file with the private key of the certificate."),
                key("minimum_version", &ListenerTls::minimum_version,
                    ChoiceForm<TlsVersion>({{"TLSv1.2", TlsVersion::Tls12}, {"TLSv1.3", TlsVersion::Tls13}}),
                    "The oldest TLS that clients may use; TLSv1.2 by default."),
            },
            {},
            {},
            [](Reader& reader, const Node& node, ListenerTls&) {
                if (node.has("certificate") != node.has("key")) {
                    reader.fault(node.mark,
                                 node.has("key") ? "a key is given without its certificate"
                                                 : "a certificate is given without its key",
                                 "give both, or none");
                }
            }};
}

Section<Clients> clients_section() {
    using protocol::BareNewlines;
    return {
        {
            key("networks", &Clients::networks,
                ListForm<NetworkForm>{{}, "a list of networks", 0, 10'000, true},
                "Clients that may submit without a login; by default 127.0.0.0/8 and ::1/128, [] for none."),
            key("users_file", &Clients::users_file, PathForm{true},
                "Lines of login:crypt-hash[:sender-pattern,...], made by `posthouse passwd`."),
            key("max_connections", &Clients::max_connections, CountForm{1, 1'000'000},
                "Connections of clients at one time; further ones get 421."),
            key("max_connections_per_address", &Clients::max_connections_per_address, CountForm{1, 1'000'000},
                "The same, from one address."),
            key("max_message_size", &Clients::max_message_size, SizeForm{1, kTiB},
                "The largest message taken; larger ones get 552."),
            key("max_recipients", &Clients::max_recipients, CountForm{1, 1'000'000},
                "Recipients of one message; further ones get 452."),
            key("bare_newlines", &Clients::bare_newlines,
                ChoiceForm<BareNewlines>(
                    {{"reject", BareNewlines::Reject}, {"normalize", BareNewlines::Normalize}}),
                "What becomes of CR or LF that are not a pair."),
        },
        {},
        {"limits"},
        nullptr};
}

Section<SpoolSettings> spool_section() {
    return {{
                key("path", &SpoolSettings::path, PathForm{false},
                    "The directory that keeps accepted messages until they are delivered."),
                key("min_free", &SpoolSettings::min_free, SizeForm{0, 1024 * kTiB},
                    "With less free space on the disk, submissions get 452."),
                key("max_size", &SpoolSettings::max_size, SizeForm{kMiB, 1024 * kTiB},
                    "With a larger spool, submissions get 452."),
            },
            {},
            {"keep_finished"},
            nullptr};
}

Section<UpstreamTimeouts> timeouts_section() {
    return {{
                key("connect", &UpstreamTimeouts::connect, kTimeout, "Until TCP and TLS are up."),
                key("command", &UpstreamTimeouts::command, kTimeout, "Until a command is answered."),
                key("data", &UpstreamTimeouts::data, kTimeout, "Until a block of the message is taken."),
                key("final_reply", &UpstreamTimeouts::final_reply, kTimeout,
                    "Until the message is accepted or refused."),
            },
            {},
            {},
            nullptr};
}

bool dials_loopback_only(const Upstream& upstream) {
    if (upstream.hosts.empty()) return is_loopback_host(upstream.host);
    return std::all_of(upstream.hosts.begin(), upstream.hosts.end(), is_loopback_host);
}

void check_upstream(Reader& reader, const Node& node, Upstream& upstream) {
    const auto mark_of = [&](std::string_view name) {
        const Node* child = node.find(name);
        return child == nullptr ? node.mark : child->key_mark;
    };
    if (!node.has("port")) {
        upstream.port = upstream.tls == TlsMode::Implicit ? 465 : upstream.tls == TlsMode::None ? 25 : 587;
    }
    if (node.has("login") != node.has("password")) {
        reader.fault(
            mark_of(node.has("login") ? "login" : "password"),
            node.has("login") ? "a login is given without a password" : "a password is given without a login",
            "give both, or none");
    }
    if (node.has("auth") && !node.has("login")) {
        reader.fault(mark_of("auth"), "auth has no meaning without a login",
                     "give login and password, or remove auth");
    }
    if (upstream.tls != TlsMode::None) {
        if (upstream.auth_in_clear) {
            reader.fault(mark_of("auth_in_clear"), "auth_in_clear has no meaning while TLS is demanded",
                         "remove it");
        }
        return;
    }
    if (!node.has("login")) return;
    if (!node.has("auth_in_clear")) upstream.auth_in_clear = dials_loopback_only(upstream);
    if (!upstream.auth_in_clear) {
        reader.fault(mark_of("tls"), "with tls: none the password would cross the network in clear text",
                     "write tls: starttls or implicit; if it must be, add auth_in_clear: true");
    }
}

Section<Upstream> upstream_section() {
    using protocol::AuthMechanism;
    const ChoiceForm<AuthMechanism> mechanism({{"scram-sha-256", AuthMechanism::ScramSha256},
                                               {"cram-md5", AuthMechanism::CramMd5},
                                               {"plain", AuthMechanism::Plain},
                                               {"login", AuthMechanism::Login}});
    return {
        {
            key("host", &Upstream::host, HostForm{}, "The server; its certificate must be for this name."),
            key("port", &Upstream::port, CountForm{1, 65535},
                "By default 587, with tls: implicit 465, with tls: none 25."),
            key("tls", &Upstream::tls, tls_mode_form(), "Demanded, never downgraded; starttls by default."),
            key("verify", &Upstream::verify, VerifyForm{},
                "How the certificate is checked: true (system authorities), {ca_file, name}, {sha256: "
                "[...]}, or false."),
            key("auth", &Upstream::auth,
                ListForm<ChoiceForm<AuthMechanism>>{mechanism, "a list of mechanisms", 0, 8},
                "Mechanisms to try, in order; by default the strongest that both sides know."),
            key("login", &Upstream::login, TextForm{"a login", 512, true},
                "The account; without it no login is made."),
            key("password", &Upstream::password, SecretForm{}, "The account's password."),
            key("auth_in_clear", &Upstream::auth_in_clear, FlagForm{},
                "true: with tls: none, send the password all the same. Loopback hosts do not need it."),
            key("connections", &Upstream::connections, CountForm{1, 1000}, "Connections at one time."),
            key("messages_per_connection", &Upstream::messages_per_connection, CountForm{1, 1'000'000},
                "After so many messages a connection is closed."),
            key("max_message_size", &Upstream::max_message_size, SizeForm{1, kTiB, true},
                "The largest message that this upstream takes; by default what the server says."),
            key("max_recipients", &Upstream::max_recipients, CountForm{1, 100'000},
                "Recipients per transaction; messages with more are split."),
            key("limits", &Upstream::limits, ListForm<LimitForm>{{}, "a list of limits", 0, 32},
                "Never exceeded over any window: 500 recipients / day, 14 messages / second."),
            key("uncertain", &Upstream::uncertain,
                ChoiceForm<UncertainPolicy>({{"retry", UncertainPolicy::Retry},
                                             {"assume_delivered", UncertainPolicy::AssumeDelivered},
                                             {"hold", UncertainPolicy::Hold}}),
                "When the final reply is lost."),
            key("eight_bit", &Upstream::eight_bit,
                ChoiceForm<EightBitPolicy>({{"convert", EightBitPolicy::Convert},
                                            {"fail", EightBitPolicy::Fail},
                                            {"send_anyway", EightBitPolicy::SendAnyway}}),
                "8-bit content for a server without 8BITMIME."),
            key("recovery", &Upstream::recovery,
                ListForm<DurationForm>{kAnyWait, "a list of durations", 1, 64},
                "Pauses after connection, TLS or login failures in a row; the last repeats."),
            Key<Upstream>{"timeouts", "How long to wait for the server (RFC 5321 4.5.3.2).",
                          [](Reader& reader, const Node& node, Upstream& into) {
                              return timeouts_section().read(reader, node, into.timeouts);
                          },
                          [](const Settings& settings, const Upstream& from) {
                              return timeouts_section().show(settings, from.timeouts);
                          },
                          [] { return timeouts_section().schema(); }},
            key("hosts", &Upstream::hosts, ListForm<AddressForm>{{}, "a list of addresses", 0, 64},
                "Addresses to dial instead of resolving `host`; its name is still verified."),
        },
        {"host"},
        {"preset", "oauth2", "sender", "pacing", "reserve"},
        check_upstream};
}

// The map of upstreams; also makes their names known to the reader.
struct UpstreamsForm {
    bool read(Reader& reader, const Node& node, std::vector<Upstream>& into) const {
        constexpr std::size_t kLongestName = 64;
        constexpr std::size_t kMost = 1000;
        if (!reader.expect(node, Node::Kind::Map, "a map from names to upstreams")) return false;
        if (node.children.empty() || node.children.size() > kMost) {
            reader.fault(node.mark, fmt::format("there must be from 1 to {} upstreams", kMost));
            return false;
        }
        const Section<Upstream> section = upstream_section();
        bool good = true;
        for (const Node& child : node.children) {
            reader.upstream_names.push_back(child.key);
            const Reader::Step step(reader, child.key);
            const bool sound =
                !child.key.empty() && child.key.size() <= kLongestName &&
                std::all_of(child.key.begin(), child.key.end(), [](char c) {
                    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
                });
            if (!sound) {
                reader.fault(
                    child.key_mark, fmt::format("{} cannot name an upstream", quote(child.key)),
                    fmt::format("use a to z, 0 to 9, '_' and '-', at most {} of them", kLongestName));
            }
            Upstream upstream = default_upstream();
            upstream.name = child.key;
            good = section.read(reader, child, upstream) && sound && good;
            into.push_back(std::move(upstream));
        }
        return good;
    }
    [[nodiscard]] Shown show(const Settings& settings, const std::vector<Upstream>& value) const {
        const Section<Upstream> section = upstream_section();
        Node map = map_node();
        for (const Upstream& upstream : value)
            map.add(upstream.name, section.show(settings, upstream).value_or(map_node()));
        return map;
    }
    [[nodiscard]] Node schema() const {
        Node names = map_node();
        names.add("pattern", text_node("^[a-z0-9_-]{1,64}$"));
        Node schema = schema_of_type("object");
        schema.add("propertyNames", std::move(names)).add("minProperties", plain_node("1"));
        schema.add("additionalProperties", upstream_section().schema());
        return schema;
    }

    static Upstream default_upstream() {
        Upstream upstream;
        upstream.recovery = {30s, 1min, 5min, 15min, 1h};
        return upstream;
    }
};

Section<RouteMatch> route_match_section() {
    const TextForm address_pattern{"an address or a pattern like *@example.org", 512, false};
    return {{
                key("sender", &RouteMatch::sender, address_pattern, "Pattern of the envelope sender."),
                key("recipient", &RouteMatch::recipient, address_pattern, "Pattern of the recipient."),
                key("login", &RouteMatch::login, TextForm{"a login or a pattern", 512, true},
                    "Pattern of the client's login."),
            },
            {},
            {"header", "listener", "client"},
            nullptr};
}

template <class T, class V>
Key<T> section_key(std::string_view name, V T::* member, const Section<V>& section, std::string_view about) {
    return key(name, member, section, about);
}

Section<Route> route_section() {
    return {{
                section_key("match", &Route::match, route_match_section(),
                            "Which mail takes this route; without it, all. '*' stands for any text."),
                key("priority", &Route::priority,
                    ChoiceForm<Priority>(
                        {{"high", Priority::High}, {"normal", Priority::Normal}, {"low", Priority::Low}}),
                    "Mail of higher priority leaves first."),
                key("expire_after", &Route::expire_after, kAnyWait, "By default retry.expire_after."),
                key("via", &Route::via, ViaForm{},
                    "Upstreams, in order; the next is used when one cannot take the mail."),
            },
            {"via"},
            {"strategy"},
            nullptr};
}

Section<Retry> retry_section() {
    return {
        {
            key("schedule", &Retry::schedule, ListForm<DurationForm>{kAnyWait, "a list of durations", 1, 64},
                "Waits between attempts; the last repeats."),
            key("jitter", &Retry::jitter, PercentForm{0.5},
                "How far each wait may differ from the schedule."),
            key("expire_after", &Retry::expire_after, kAnyWait,
                "After so long a recipient is given up and bounced."),
        },
        {},
        {"rules"},
        nullptr};
}

Section<Bounces> bounces_section() {
    return {
        {
            key("to", &Bounces::to,
                ChoiceForm<BounceTarget>({{"sender", BounceTarget::Sender},
                                          {"postmaster", BounceTarget::Postmaster},
                                          {"none", BounceTarget::None}}),
                "Who is told of mail that cannot be delivered."),
            key("postmaster", &Bounces::postmaster, MailboxForm{}, "The address for to: postmaster."),
            key("via", &Bounces::via, ViaForm{}, "Upstreams for bounces; by default routed like other mail."),
        },
        {},
        {"delay_warning"},
        [](Reader& reader, const Node& node, Bounces& bounces) {
            if (bounces.to == BounceTarget::Postmaster && !node.has("postmaster")) {
                reader.fault(node.find("to")->mark, "to: postmaster needs an address",
                             "add the key postmaster");
            }
        }};
}

Section<Admin> admin_section() {
    return {{
                key("listen", &Admin::listen, ListForm<EndpointForm>{{}, "a list of addresses", 1, 64},
                    "Where the admin interface listens: loopback or unix sockets."),
            },
            {},
            {"token"},
            [](Reader& reader, const Node& node, Admin& admin) {
                const Node* listen = node.find("listen");
                if (listen == nullptr || listen->children.size() != admin.listen.size()) return;
                for (std::size_t i = 0; i < admin.listen.size(); ++i) {
                    const auto* tcp = std::get_if<TcpEndpoint>(&admin.listen[i]);
                    if (tcp == nullptr || is_loopback(admin.listen[i]) || *tcp == TcpEndpoint{}) continue;
                    reader.fault(
                        listen->children[i].mark,
                        fmt::format("{} can be reached from other machines", to_string(admin.listen[i])),
                        "write unix:/path, 127.0.0.1:PORT or [::1]:PORT");
                }
            }};
}

Section<Log> log_section() {
    return {{
                key("level", &Log::level,
                    ChoiceForm<LogLevel>({{"debug", LogLevel::Debug},
                                          {"info", LogLevel::Info},
                                          {"warning", LogLevel::Warning},
                                          {"error", LogLevel::Error}}),
                    "The least level that is logged."),
                key("format", &Log::format,
                    ChoiceForm<LogFormat>({{"text", LogFormat::Text}, {"json", LogFormat::Json}}),
                    "How lines of the log look."),
            },
            {},
            {},
            nullptr};
}

}  // namespace

const Section<Settings>& settings_section() {
    // `upstreams` stands before the keys that name upstreams: keys are read in the order of this table.
    static const Section<Settings> section{
        {
            key("hostname", &Settings::hostname, HostnameForm{},
                "EHLO name and Received; by default the machine's FQDN."),
            key("listen", &Settings::listeners,
                ListForm<Section<Listener>>{listener_section(), "a list of listeners", 1, 64},
                "Where mail is submitted; by default 127.0.0.1:2525."),
            section_key("tls", &Settings::tls, listener_tls_section(), "The certificate of the listeners."),
            section_key("clients", &Settings::clients, clients_section(), "Who may submit, and how much."),
            section_key("spool", &Settings::spool, spool_section(), "Where accepted mail is kept."),
            key("upstreams", &Settings::upstreams, UpstreamsForm{},
                "The provider accounts to relay through, by name."),
            key("routes", &Settings::routes,
                ListForm<Section<Route>>{route_section(), "a list of routes", 1, 10'000},
                "First match wins; by default all upstreams in order."),
            section_key("retry", &Settings::retry, retry_section(), "When deferred mail is tried again."),
            section_key("bounces", &Settings::bounces, bounces_section(), "Reports about mail that failed."),
            section_key("admin", &Settings::admin, admin_section(), "The admin interface."),
            section_key("log", &Settings::log, log_section(), "The log, on standard error."),
            key("io_threads", &Settings::io_threads, CountForm{1, 64},
                "Threads for connections; by default half the processors."),
        },
        {},
        {"events"},
        nullptr};
    return section;
}

}  // namespace posthouse::config
