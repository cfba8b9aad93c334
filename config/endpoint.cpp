#include "config/endpoint.h"

#include "config/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <netinet/in.h>
#include <sys/un.h>

namespace posthouse::config {

namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

bool is_v4(const std::array<std::uint8_t, 16>& address) {
    return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), address.begin());
}

std::string address_to_string(const std::array<std::uint8_t, 16>& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (is_v4(address)) {
        inet_ntop(AF_INET, address.data() + 12, text.data(), text.size());
    } else {
        inet_ntop(AF_INET6, address.data(), text.data(), text.size());
    }
    return text.data();
}

bool is_loopback_address(const std::array<std::uint8_t, 16>& address) {
    if (is_v4(address)) return address[12] == 127;
    return std::all_of(address.begin(), address.end() - 1, [](std::uint8_t octet) { return octet == 0; }) &&
           address[15] == 1;
}

Parsed<Endpoint> parse_unix_endpoint(std::string_view path) {
    if (path.empty()) return complain("the path of the socket is missing", "write unix:/path/of/the/socket");
    if (path.size() >= sizeof(sockaddr_un::sun_path)) {
        return complain(fmt::format("the socket path {} is longer than {} octets", quote(path),
                                    sizeof(sockaddr_un::sun_path) - 1),
                        "choose a shorter one");
    }
    if (path.find('\0') != std::string_view::npos) return complain("the socket path contains a NUL octet");
    return UnixEndpoint{std::filesystem::path(path)};
}

}  // namespace

std::optional<std::array<std::uint8_t, 16>> parse_address(std::string_view text) {
    std::array<std::uint8_t, 16> address{};
    const std::string terminated(text);
    if (terminated.size() != std::strlen(terminated.c_str())) return std::nullopt;
    if (inet_pton(AF_INET6, terminated.c_str(), address.data()) == 1) return address;
    std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), address.begin());
    if (inet_pton(AF_INET, terminated.c_str(), address.data() + 12) == 1) return address;
    return std::nullopt;
}

bool is_loopback_host(std::string_view host) {
    if (host == "localhost") return true;
    const auto address = parse_address(host);
    return address && is_loopback_address(*address);
}

Parsed<Endpoint> parse_endpoint(std::string_view text) {
    constexpr std::string_view kAdvice = "write 127.0.0.1:2525, [::1]:2525, :2525 or unix:/path";
    if (text.starts_with("unix:")) return parse_unix_endpoint(text.substr(5));
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return complain(fmt::format("{} is not an address with a port", quote(text)), std::string(kAdvice));
    }
    std::string_view address = text.substr(0, colon);
    const auto port = parse_count(text.substr(colon + 1), 0, 65535);
    if (!port) {
        return complain(fmt::format("the port in {} is not a number from 0 to 65535", quote(text)),
                        std::string(kAdvice));
    }
    TcpEndpoint endpoint;
    endpoint.port = static_cast<std::uint16_t>(*port);
    if (address.empty()) return endpoint;

    const bool bracketed = address.size() >= 2 && address.front() == '[' && address.back() == ']';
    if (bracketed) address = address.substr(1, address.size() - 2);
    const bool is_v6 = address.find(':') != std::string_view::npos;
    const auto octets = parse_address(address);
    if (is_v6 && !bracketed) {
        return complain(fmt::format("the IPv6 address in {} needs brackets", quote(text)),
                        "write it like [::1]:2525");
    }
    if (!octets || is_v6 != bracketed) {
        return complain(fmt::format("{} has no numeric address before its port", quote(text)),
                        std::string(kAdvice));
    }
    endpoint.address = address_to_string(*octets);
    return endpoint;
}

std::string to_string(const Endpoint& endpoint) {
    if (const auto* local = std::get_if<UnixEndpoint>(&endpoint)) return "unix:" + local->path.string();
    const auto& tcp = std::get<TcpEndpoint>(endpoint);
    if (tcp.address.find(':') != std::string::npos) return fmt::format("[{}]:{}", tcp.address, tcp.port);
    return fmt::format("{}:{}", tcp.address, tcp.port);
}

bool is_loopback(const Endpoint& endpoint) {
    if (std::holds_alternative<UnixEndpoint>(endpoint)) return true;
    const auto address = parse_address(std::get<TcpEndpoint>(endpoint).address);
    return address && is_loopback_address(*address);
}

Parsed<Network> parse_network_or_complain(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = parse_address(text.substr(0, slash));
    if (!address) {
        return complain(fmt::format("{} is not a network", quote(text)),
                        "write it like 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32");
    }
    const bool v4 = is_v4(*address);
    // ::ffff:a.b.c.d is an IPv4 address in disguise; its prefix would be counted twice.
    if (v4 && text.find(':') != std::string_view::npos) {
        return complain(fmt::format("{} is an IPv4 network written as IPv6", quote(text)),
                        "write the IPv4 form");
    }
    Network network{*address, 128};
    if (slash != std::string_view::npos) {
        const auto prefix = parse_count(text.substr(slash + 1), 0, v4 ? 32 : 128);
        if (!prefix) {
            return complain(fmt::format("the prefix length of {} is not a number from 0 to {}", quote(text),
                                        v4 ? 32 : 128));
        }
        network.prefix = static_cast<std::uint8_t>(*prefix + (v4 ? 96 : 0));
    }
    Network masked = network;
    for (std::size_t bit = network.prefix; bit < 128; ++bit) {
        masked.address[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> (bit % 8)));
    }
    if (masked.address != network.address) {
        return complain(fmt::format("{} has address bits set behind its prefix", quote(text)),
                        fmt::format("write {}", to_string(masked)));
    }
    return network;
}

std::string to_string(const Network& network) {
    const bool v4 = is_v4(network.address) && network.prefix >= 96;
    return fmt::format("{}/{}", address_to_string(network.address),
                       v4 ? network.prefix - 96 : network.prefix);
}

std::optional<Network> parse_network(std::string_view text) {
    const auto network = parse_network_or_complain(text);
    if (!network) return std::nullopt;
    return *network;
}

bool contains(const Network& network, const std::array<std::uint8_t, 16>& address) {
    const std::size_t whole = network.prefix / 8U;
    if (!std::equal(address.begin(), address.begin() + static_cast<std::ptrdiff_t>(whole),
                    network.address.begin())) {
        return false;
    }
    const unsigned bits = network.prefix % 8U;
    if (bits == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xFF00U >> bits);
    return (address[whole] & mask) == (network.address[whole] & mask);
}

bool is_domain_name(std::string_view text) {
    if (text.empty() || text.size() > 253) return false;
    std::size_t label = 0;
    char last = '.';
    for (const char c : text) {
        const bool letter =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (c == '.') {
            if (label == 0 || last == '-') return false;
            label = 0;
        } else if (letter || (c == '-' && label > 0)) {
            if (++label > 63) return false;
        } else {
            return false;
        }
        last = c;
    }
    return label > 0 && last != '-';
}

}  // namespace posthouse::config
