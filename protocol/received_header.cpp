#include "protocol/received_header.h"

#include "protocol/date.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>

namespace posthouse::protocol {

namespace {

constexpr std::size_t kLineLimit = 77;
constexpr std::size_t kMaxName = 255;  // RFC 5321 4.5.3.1.2

constexpr bool is_alnum(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// Domains, address literals, TLS names. Everything else, brackets of comments above all, becomes '?'.
std::string clean(std::string_view name) {
    std::string out(name.substr(0, kMaxName));
    for (char& c : out) {
        if (!is_alnum(c) && std::string_view("-._:[]").find(c) == std::string_view::npos) c = '?';
    }
    if (out.empty()) out = "unknown";
    return out;
}

// "[192.0.2.1]" or "[IPv6:2001:db8::1]"; empty if it is no address.
std::string literal(std::string_view address) {
    const bool v6 = address.find(':') != std::string_view::npos;
    const bool v4 = !v6 && address.find('.') != std::string_view::npos;
    const bool clean_address =
        std::ranges::all_of(address, [](char c) { return is_alnum(c) || c == '.' || c == ':' || c == '%'; });
    if (!clean_address || (!v4 && !v6)) return {};
    // RFC 4291 zone ids mean something on this host only.
    address = address.substr(0, address.find('%'));
    return (v6 ? "[IPv6:" : "[") + std::string(address) + "]";
}

bool is_printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c < 0x7F; });
}

// Puts clauses on lines: a clause goes to the next line if it does not fit; a clause longer than a line is
// broken between its words.
class Folder {
  public:
    explicit Folder(std::string& out, std::size_t column) : out_(out), column_(column) {}

    void clause(std::initializer_list<std::string_view> words) {
        std::size_t length = words.size();  // a space in front of each
        for (const std::string_view word : words)
            length += word.size();
        const bool whole = length <= kLineLimit;
        if (whole && column_ + length > kLineLimit) fold();
        for (const std::string_view word : words) {
            if (column_ + 1 + word.size() > kLineLimit && column_ > 0) fold();
            out_ += ' ';
            out_ += word;
            column_ += 1 + word.size();
        }
    }

  private:
    // The space that follows makes the next line a continuation.
    void fold() {
        out_ += "\r\n";
        column_ = 0;
    }

    std::string& out_;
    std::size_t column_;
};

// RFC 3848; RFC 6531 4.3. There is no name for TLS below HELO.
std::string protocol_name(const ReceivedFacts& facts) {
    if (!facts.esmtp) return "SMTP";
    std::string name = facts.smtputf8 ? "UTF8SMTP" : "ESMTP";
    if (!facts.tls_version.empty()) name += 'S';
    if (facts.authenticated) name += 'A';
    return name;
}

}  // namespace

void append_received(std::string& out, const ReceivedFacts& facts) {
    constexpr std::string_view kName = "Received:";
    out += kName;
    Folder folder(out, kName.size());

    const std::string client = clean(facts.client_name);
    const std::string address = literal(facts.client_address);
    if (address.empty()) {
        folder.clause({"from", client, "(local socket)"});
    } else {
        const std::string comment = "(" + address + ")";
        folder.clause({"from", client, comment});
    }
    const std::string host = clean(facts.hostname);
    folder.clause({"by", host, "(posthouse)"});
    folder.clause({"with", protocol_name(facts)});

    // RFC 6531 3.7.3 would allow UTF-8 here, but then the trace alone could make the header need SMTPUTF8.
    const bool has_for = !facts.recipient.empty() && is_printable(facts.recipient) &&
                         facts.recipient.find_first_of("<>") == std::string_view::npos;
    const bool has_tls = !facts.tls_version.empty();
    std::string id = clean(facts.id);
    if (!has_for && !has_tls) id += ';';
    folder.clause({"id", id});
    if (has_tls) {
        const std::string version = clean(facts.tls_version);
        const std::string cipher = clean(facts.tls_cipher) + (has_for ? ")" : ");");
        folder.clause({"(using", version, "with cipher", cipher});
    }
    if (has_for) {
        const std::string path = "<" + std::string(facts.recipient) + ">;";
        folder.clause({"for", path});
    }
    folder.clause({format_date(facts.now)});
    out += "\r\n";
}

std::string make_message_id(std::string_view id, std::uint64_t random, std::string_view hostname) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::array<char, 16> hex{};
    for (std::size_t i = hex.size(); i > 0; --i) {
        hex[i - 1] = kDigits[random & 0xFU];
        random >>= 4U;
    }
    return "<" + clean(id) + "." + std::string(hex.data(), hex.size()) + "@" + clean(hostname) + ">";
}

}  // namespace posthouse::protocol
