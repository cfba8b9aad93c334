#include "config/upstream_url.h"

#include "config/endpoint.h"
#include "config/units.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string>

namespace posthouse::config {

namespace {

constexpr std::string_view kAdvice = "write smtps://user:pass@host:465 or smtp+starttls://user:pass@host:587";

struct Scheme {
    std::string_view name;
    std::string_view tls;
    std::string_view port;
};
constexpr std::array<Scheme, 4> kSchemes{{{"smtps", "implicit", "465"},
                                          {"smtp+starttls", "starttls", "587"},
                                          {"smtp", "starttls", "587"},
                                          {"smtp+cleartext", "none", "25"}}};

// Parameters that belong into the map `verify`.
constexpr std::array<std::string_view, 3> kVerifyKeys{"ca_file", "name", "sha256"};
// Keys whose value is a list; a comma separates its items.
constexpr std::array<std::string_view, 5> kListKeys{"limits", "hosts", "auth", "recovery", "sha256"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& words, std::string_view word) {
    for (const std::string_view candidate : words) {
        if (candidate == word) return true;
    }
    return false;
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// RFC 3986 2.1; nothing if a '%' is not followed by two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        const int high = i + 1 < text.size() ? hex_value(text[i + 1]) : -1;
        const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
        if (high < 0 || low < 0) return std::nullopt;
        decoded += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return decoded;
}

std::string_view take_until(std::string_view& text, char delimiter) {
    const auto end = text.find(delimiter);
    const std::string_view taken = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return taken;
}

Node value_node(std::string_view key, const std::string& value, const Mark& mark) {
    const auto marked = [&](Node node) {
        node.mark = mark;
        return node;
    };
    if (!is_one_of(kListKeys, key)) return marked(plain_node(value));
    Node list = marked(list_node());
    std::string_view rest = value;
    do {
        list.add(marked(text_node(take_until(rest, ','))));
    } while (!rest.empty());
    return list;
}

}  // namespace

Parsed<Node> upstream_url_to_node(std::string_view url, const Mark& mark) {
    if (url.starts_with("preset:")) {
        return complain("this version has no presets yet", std::string(kAdvice));
    }
    constexpr std::size_t kLongestUrl = 16ULL << 10U;
    if (url.size() > kLongestUrl) return complain("the URL is longer than 16 KiB", std::string(kAdvice));
    const auto colon = url.find("://");
    if (colon == std::string_view::npos)
        return complain("this is not the URL of an upstream", std::string(kAdvice));
    const Scheme* scheme = nullptr;
    for (const Scheme& candidate : kSchemes) {
        if (candidate.name == url.substr(0, colon)) scheme = &candidate;
    }
    if (scheme == nullptr) return complain("the scheme of the URL is not known", std::string(kAdvice));

    std::string_view query = url.substr(colon + 3);
    if (query.find('#') != std::string_view::npos) {
        return complain("the URL contains '#'", "write %23 for a '#' in the user or password");
    }
    // A password may hold '/', '?' or '@' unescaped by mistake: the last '@' ends it, and until host and port
    // are known to be sound, no part of the URL is repeated in a message.
    std::string_view authority = take_until(query, '?');
    const auto at = authority.rfind('@');
    std::string_view user_info = at == std::string_view::npos ? std::string_view{} : authority.substr(0, at);
    std::string_view host_port = at == std::string_view::npos ? authority : authority.substr(at + 1);
    if (host_port.ends_with('/')) host_port.remove_suffix(1);
    if (query.find('@') != std::string_view::npos) {
        return complain("the URL has a '@' behind its '?'",
                        "in user, password and parameters write %3F for '?', %40 for '@'");
    }

    Node node = map_node();
    node.mark = mark;
    const auto add = [&mark](Node& map, std::string_view key, Node value) {
        value.mark = mark;
        value.key_mark = mark;
        map.add(key, std::move(value));
    };

    // [v6]:port, name:port, name
    std::string_view host = host_port;
    std::string_view port = scheme->port;
    const auto port_colon = host_port.rfind(':');
    if (port_colon != std::string_view::npos && host_port.find(']', port_colon) == std::string_view::npos) {
        host = host_port.substr(0, port_colon);
        port = host_port.substr(port_colon + 1);
    }
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (!is_domain_name(host) && !parse_address(host)) {
        return complain("the URL names no host, or one that is neither a name nor an address",
                        std::string(kAdvice));
    }
    if (!parse_count(port, 1, 65535)) {
        return complain("the port in the URL is not a number from 1 to 65535", std::string(kAdvice));
    }
    add(node, "host", text_node(host));
    add(node, "port", plain_node(port));
    add(node, "tls", text_node(scheme->tls));

    if (at != std::string_view::npos) {
        const std::string_view raw_user = take_until(user_info, ':');
        const auto user = percent_decoded(raw_user);
        const auto password = percent_decoded(user_info);
        if (!user || !password) {
            return complain("the user or password has a '%' without two hexadecimal digits behind it",
                            "write %25 for a '%'");
        }
        if (user->empty()) return complain("the URL has a '@' but no user before it", std::string(kAdvice));
        add(node, "login", text_node(*user));
        if (!password->empty()) add(node, "password", text_node(*password));
        if (scheme->tls == "none") add(node, "auth_in_clear", plain_node("true"));
    }

    Node verify = map_node();
    verify.mark = mark;
    while (!query.empty()) {
        std::string_view pair = take_until(query, '&');
        const auto key = percent_decoded(take_until(pair, '='));
        const auto value = percent_decoded(pair);
        if (!key || !value) {
            return complain("a parameter has a '%' without two hexadecimal digits behind it",
                            "write %25 for a '%'");
        }
        Node& map = is_one_of(kVerifyKeys, *key) ? verify : node;
        if (map.has(*key)) {
            return complain(
                fmt::format("{} is given twice", quote(*key)),
                is_one_of(kListKeys, *key) ? "separate the values by commas" : "remove one of them");
        }
        add(map, *key, value_node(*key, *value, mark));
    }
    if (!verify.children.empty()) {
        if (node.has("verify")) {
            return complain("verify cannot be combined with ca_file, name or sha256", "remove verify");
        }
        add(node, "verify", verify);
    }
    return node;
}

}  // namespace posthouse::config
