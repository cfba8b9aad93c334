#include "config/checks.h"

#include "config/endpoint.h"
#include "config/units.h"
#include "config/upstream_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace posthouse::config {

using namespace std::chrono_literals;

Settings default_settings() {
    Settings settings;
    for (const std::string_view network : {"127.0.0.0/8", "::1/128"}) {
        settings.clients.networks.push_back(*parse_network(network));
    }
    settings.retry.schedule = {1min, 2min, 5min, 10min, 15min, 30min, 1h, 2h, 4h};
    return settings;
}

namespace {

// The mark of the child `name` of `node`, or of the node itself.
Mark mark_of(const Node& node, std::string_view name) {
    const Node* child = node.find(name);
    return child == nullptr ? node.mark : child->key_mark;
}

std::filesystem::path default_spool_path(const Environment& environment) {
    // systemd joins several state directories by ':'; the first one is ours.
    if (const std::string_view state = environment.variable("STATE_DIRECTORY"); !state.empty()) {
        return state.substr(0, state.find(':'));
    }
    // The XDG base directory rules say to ignore a path that is not absolute.
    if (const std::string_view state = environment.variable("XDG_STATE_HOME"); state.starts_with('/')) {
        return std::filesystem::path(state) / "posthouse";
    }
    return "/var/lib/posthouse";
}

void complete_listeners(Reader& reader, const Node& root, Settings& settings) {
    const Node* listen = root.find("listen");
    const Node* tls = root.find("tls");
    const Node* clients = root.find("clients");
    // Asked of the file, not of the settings: a certificate that is there but faulty is one fault, not two.
    const bool has_certificate = tls != nullptr && tls->has("certificate");
    const bool has_users = clients != nullptr && clients->has("users_file");
    if (settings.listeners.empty()) settings.listeners.emplace_back();

    for (std::size_t i = 0; i < settings.listeners.size(); ++i) {
        Listener& listener = settings.listeners[i];
        const bool from_file = listen != nullptr && i < listen->children.size();
        const Node node = from_file ? listen->children[i] : map_node();
        const Reader::Step step(reader, fmt::format("listen[{}]", i + 1));

        if (!node.has("tls")) {
            const bool on_tcp = std::holds_alternative<TcpEndpoint>(listener.endpoint);
            listener.tls = on_tcp && has_certificate ? TlsMode::StartTls : TlsMode::None;
        } else if (listener.tls != TlsMode::None && !has_certificate) {
            reader.fault(mark_of(node, "tls"), "TLS needs a certificate", "set tls.certificate and tls.key");
        }
        if (!has_users) {
            if (listener.auth == protocol::AuthPolicy::Required) {
                reader.fault(mark_of(node, "auth"), "auth: required needs users", "set clients.users_file");
            }
            listener.auth = protocol::AuthPolicy::None;
        }
        if (listener.auth == protocol::AuthPolicy::Required && listener.tls == TlsMode::None &&
            !listener.auth_in_clear) {
            reader.fault(mark_of(node, "auth"), "nobody could log in: logins are not taken without TLS",
                         "set tls: starttls or implicit, or auth_in_clear: true");
        }
        const auto first =
            std::find_if(settings.listeners.begin(), settings.listeners.end(),
                         [&](const Listener& other) { return other.endpoint == listener.endpoint; });
        const auto* tcp = std::get_if<TcpEndpoint>(&listener.endpoint);
        const bool any_port = tcp != nullptr && tcp->port == 0;
        if (from_file && node.has("address") && !any_port && &*first != &listener) {
            reader.fault(
                mark_of(node, "address"),
                fmt::format("the address {} is listened on twice", quote(to_string(listener.endpoint))),
                "remove one of the listeners");
        }
    }
}

bool matches_everything(const RouteMatch& match) {
    const auto any = [](const std::string& pattern) {
        return pattern.find_first_not_of('*') == std::string::npos;  // "", "*"
    };
    return any(match.sender) && any(match.recipient) && any(match.login);
}

void complete_routes(Reader& reader, const Node& root, Settings& settings) {
    const Node* routes = root.find("routes");
    // A match that is at fault reads as an empty one; then that fault is the only news.
    const bool sound = routes != nullptr && !reader.has_faults();
    for (std::size_t i = 0; sound && i + 1 < settings.routes.size(); ++i) {
        if (!matches_everything(settings.routes[i].match)) continue;
        const Reader::Step step(reader, fmt::format("routes[{}]", i + 2));
        reader.fault(routes->children[i + 1].mark,
                     "this route is never reached: the one before it takes all mail", "put it further up");
        break;
    }
    if (settings.routes.empty() || !matches_everything(settings.routes.back().match)) {
        Route rest;
        for (std::size_t i = 0; i < settings.upstreams.size(); ++i)
            rest.via.push_back(i);
        settings.routes.push_back(std::move(rest));
    }
}

void complete_admin(Reader& reader, const Node& root, Settings& settings) {
    if (!settings.admin.listen.empty()) return;
    const std::string_view runtime = reader.environment().variable("RUNTIME_DIRECTORY");
    const std::filesystem::path directory =
        runtime.empty() ? settings.spool.path : std::filesystem::path(runtime.substr(0, runtime.find(':')));
    const Endpoint socket = UnixEndpoint{directory / "admin.sock"};
    if (const auto good = parse_endpoint(to_string(socket)); !good) {
        const Node* spool = root.find("spool");
        reader.fault(spool == nullptr ? root.mark : spool->mark, "admin.listen: " + good.error().what,
                     "set admin.listen to a shorter path");
    }
    settings.admin.listen.push_back(socket);
}

// The value of $NAME, or of the file that $NAME_FILE names.
std::optional<std::string> variable_or_file(Reader& reader, const std::string& name, const Mark& mark) {
    const Environment& environment = reader.environment();
    const std::string_view value = environment.variable(name);
    const std::string file_name = name + "_FILE";
    const std::string_view file = environment.variable(file_name);
    if (!value.empty() && !file.empty()) {
        reader.fault(mark, fmt::format("both this and ${} are set", file_name), "unset one of them");
        return std::nullopt;
    }
    if (!value.empty()) return std::string(value);
    if (file.empty()) return std::nullopt;
    auto content = environment.read_secret(std::filesystem::path(file), true);
    if (!content) {
        reader.fault(mark, fmt::format("${}: {}", file_name, content.error().message()));
        return std::nullopt;
    }
    while (!content->empty() && (content->back() == '\n' || content->back() == '\r'))
        content->pop_back();
    return *content;
}

Node marked(Node node, const Mark& mark) {
    node.mark = mark;
    node.key_mark = mark;
    return node;
}

// Items between commas or blanks.
std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> items;
    while (!text.empty()) {
        const auto end = text.find_first_of(", ");
        if (end != 0) items.emplace_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return items;
}

// The map under `name`, made if it is missing; null if something else stands there.
Node* map_under(Node& root, std::string_view name, const Mark& mark) {
    if (!root.has(name)) root.add(name, marked(map_node(), mark));
    const auto found = std::find_if(root.children.begin(), root.children.end(),
                                    [&](const Node& child) { return child.key == name; });
    return found->kind == Node::Kind::Map ? &*found : nullptr;
}

}  // namespace

void add_from_environment(Reader& reader, Node& root) {
    if (!root.has("hostname")) {
        const Mark mark{0, 0, "$POSTHOUSE_HOSTNAME"};
        if (const auto value = variable_or_file(reader, "POSTHOUSE_HOSTNAME", mark)) {
            root.add("hostname", marked(text_node(*value), mark));
        }
    }
    if (!root.has("listen")) {
        const Mark mark{0, 0, "$POSTHOUSE_LISTEN"};
        if (const auto value = variable_or_file(reader, "POSTHOUSE_LISTEN", mark)) {
            Node list = marked(list_node(), mark);
            for (const std::string& address : split(*value)) {
                Node listener = marked(map_node(), mark);
                listener.add("address", marked(text_node(address), mark));
                list.add(std::move(listener));
            }
            root.add("listen", std::move(list));
        }
    }
    const Mark networks_mark{0, 0, "$POSTHOUSE_NETWORKS"};
    if (const auto value = variable_or_file(reader, "POSTHOUSE_NETWORKS", networks_mark)) {
        Node* clients = map_under(root, "clients", networks_mark);
        if (clients != nullptr && !clients->has("networks")) {
            Node list = marked(list_node(), networks_mark);
            for (const std::string& network : split(*value))
                list.add(marked(text_node(network), networks_mark));
            clients->add("networks", std::move(list));
        }
    }
    const Mark spool_mark{0, 0, "$POSTHOUSE_SPOOL"};
    if (const auto value = variable_or_file(reader, "POSTHOUSE_SPOOL", spool_mark)) {
        Node* spool = map_under(root, "spool", spool_mark);
        if (spool != nullptr && !spool->has("path"))
            spool->add("path", marked(text_node(*value), spool_mark));
    }
    if (!root.has("upstreams")) {
        const Mark mark{0, 0, "$POSTHOUSE_UPSTREAM"};
        if (const auto value = variable_or_file(reader, "POSTHOUSE_UPSTREAM", mark)) {
            Node upstreams = marked(map_node(), mark);
            if (auto node = upstream_url_to_node(*value, mark)) {
                upstreams.add("default", marked(std::move(*node), mark));
                root.add("upstreams", std::move(upstreams));
            } else {
                reader.fault(mark, std::move(node.error()));
            }
        } else {
            // Said here, where it is known that nothing else speaks of upstreams.
            reader.fault(root.mark, "no upstream is configured",
                         "add one under upstreams, or set $POSTHOUSE_UPSTREAM to smtps://user:pass@host:465");
        }
    }
}

void complete_and_check(Reader& reader, const Node& root, Settings& settings) {
    const Environment& environment = reader.environment();
    if (settings.hostname.empty()) {
        settings.hostname = environment.hostname();
        if (!is_domain_name(settings.hostname)) settings.hostname = "localhost";
    }
    if (settings.spool.path.empty()) settings.spool.path = default_spool_path(environment);
    if (!root.has("io_threads"))
        settings.io_threads = std::clamp<std::size_t>(environment.processors / 2, 1, 64);
    complete_listeners(reader, root, settings);
    complete_routes(reader, root, settings);
    complete_admin(reader, root, settings);
}

}  // namespace posthouse::config
