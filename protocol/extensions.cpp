#include "protocol/extensions.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <system_error>

namespace posthouse::protocol {

namespace {

std::string to_upper(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return out;
}

std::string_view take_word(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    return word;
}

std::string_view take_line(std::string_view& text) {
    const std::size_t newline = text.find('\n');
    const std::string_view line = text.substr(0, newline);
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    return line;
}

// RFC 1870 4: "SIZE" with no number or with 0 promises nothing.
std::optional<std::uint64_t> read_size(std::string_view text) {
    std::uint64_t size = 0;
    const char* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, size);
    if (read.ec != std::errc() || read.ptr != end || size == 0) return std::nullopt;
    return size;
}

void add_mechanisms(ServerCapabilities& capabilities, std::string_view names) {
    while (true) {
        const std::string_view name = take_word(names);
        if (name.empty()) return;
        const auto mechanism = parse_auth_mechanism(name);
        if (!mechanism) continue;
        const bool known = std::find(capabilities.auth.begin(), capabilities.auth.end(), *mechanism) !=
                           capabilities.auth.end();
        if (!known) capabilities.auth.push_back(*mechanism);
    }
}

void add_extension(ServerCapabilities& capabilities, std::string_view line) {
    const std::string keyword = to_upper(take_word(line));
    if (keyword == "PIPELINING") {
        capabilities.pipelining = true;
    } else if (keyword == "STARTTLS") {
        capabilities.starttls = true;
    } else if (keyword == "8BITMIME") {
        capabilities.eight_bit_mime = true;
    } else if (keyword == "SMTPUTF8") {
        capabilities.smtputf8 = true;
    } else if (keyword == "CHUNKING") {
        capabilities.chunking = true;
    } else if (keyword == "DSN") {
        capabilities.dsn = true;
    } else if (keyword == "ENHANCEDSTATUSCODES") {
        capabilities.enhanced_status_codes = true;
    } else if (keyword == "REQUIRETLS") {
        capabilities.require_tls = true;
    } else if (keyword == "SIZE") {
        capabilities.size = read_size(take_word(line));
    } else if (keyword == "AUTH") {
        add_mechanisms(capabilities, line);
    } else if (keyword.starts_with("AUTH=")) {
        // What servers wrote before RFC 2554; some still send both lines.
        add_mechanisms(capabilities, keyword.substr(5));
        add_mechanisms(capabilities, line);
    }
}

}  // namespace

Reply ehlo_reply(std::string_view hostname, const OfferedExtensions& offered) {
    std::string text(hostname);
    text += "\nPIPELINING\nSIZE ";
    text += std::to_string(offered.max_size);
    text += "\n8BITMIME\nSMTPUTF8\nENHANCEDSTATUSCODES\nCHUNKING\nDSN";
    if (offered.starttls) text += "\nSTARTTLS";
    if (offered.auth) text += "\nAUTH PLAIN LOGIN";
    return Reply(250, std::move(text));
}

ServerCapabilities parse_ehlo_reply(const Reply& reply) {
    ServerCapabilities capabilities;
    std::string_view rest = reply.text;
    std::string_view greeting = take_line(rest);
    capabilities.name = take_word(greeting);
    while (!rest.empty())
        add_extension(capabilities, take_line(rest));
    return capabilities;
}

}  // namespace posthouse::protocol
