#include "protocol/address.h"

#include <algorithm>
#include <array>
#include <optional>

namespace posthouse::protocol {

namespace {

using Fault = std::optional<AddressFault>;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_eight_bit(char c) {
    return static_cast<unsigned char>(c) >= 0x80;
}
char to_lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return to_lower(x) == to_lower(y); });
}

// RFC 5322 3.2.3
constexpr std::array<bool, 256> make_atext() {
    std::array<bool, 256> table{};
    for (char c = 'a'; c <= 'z'; ++c)
        table[static_cast<unsigned char>(c)] = true;
    for (char c = 'A'; c <= 'Z'; ++c)
        table[static_cast<unsigned char>(c)] = true;
    for (char c = '0'; c <= '9'; ++c)
        table[static_cast<unsigned char>(c)] = true;
    for (const char c : std::string_view("!#$%&'*+-/=?^_`{|}~"))
        table[static_cast<unsigned char>(c)] = true;
    return table;
}
constexpr auto kAtext = make_atext();

bool is_atext(char c) {
    return kAtext[static_cast<unsigned char>(c)];
}

// Reads a mailbox from the start of `rest`, octet by octet; every read_ function leaves `rest` behind what it
// took.
class MailboxReader {
  public:
    MailboxReader(std::string_view text, bool utf8) : rest(text), utf8_(utf8) {}

    std::string_view rest;

    Fault read_mailbox(std::string& out);
    Fault read_route();
    Fault read_domain_or_literal(std::string& out);
    Fault read_domain(std::string& out);

    bool take(char c) {
        if (rest.empty() || rest[0] != c) return false;
        rest.remove_prefix(1);
        return true;
    }

  private:
    Fault read_local_part(std::string& out);
    Fault read_quoted(std::string& content);
    Fault read_atoms(std::string& content);
    Fault read_literal(std::string& out);
    // One UTF-8 sequence, where it may stand.
    Fault read_eight_bit(std::string& out);

    bool utf8_;
};

Fault MailboxReader::read_eight_bit(std::string& out) {
    const std::size_t length = utf8_sequence_length(rest);
    if (length == 0) return AddressFault::BadUtf8;
    if (!utf8_) return AddressFault::NonAscii;
    const std::string_view sequence = rest.substr(0, length);
    if (has_control_characters(sequence)) return AddressFault::BadUtf8;
    out += sequence;
    rest.remove_prefix(length);
    return std::nullopt;
}

Fault MailboxReader::read_atoms(std::string& content) {
    bool atom_is_empty = true;
    while (!rest.empty()) {
        const char c = rest[0];
        if (is_eight_bit(c)) {
            if (const Fault fault = read_eight_bit(content)) return fault;
            atom_is_empty = false;
        } else if (is_atext(c)) {
            std::size_t length = 1;
            while (length < rest.size() && is_atext(rest[length]))
                ++length;
            content += rest.substr(0, length);
            rest.remove_prefix(length);
            atom_is_empty = false;
        } else if (c == '.' && !atom_is_empty) {
            content += c;
            rest.remove_prefix(1);
            atom_is_empty = true;
        } else {
            break;
        }
    }
    if (atom_is_empty) return AddressFault::LocalPart;
    return std::nullopt;
}

// The content between the quotes, without backslashes (RFC 5321 4.1.2: qtextSMTP and quoted-pairSMTP).
Fault MailboxReader::read_quoted(std::string& content) {
    while (!rest.empty()) {
        if (take('"')) return std::nullopt;
        if (take('\\') && (rest.empty() || is_eight_bit(rest[0]))) return AddressFault::LocalPart;
        if (is_eight_bit(rest[0])) {
            if (const Fault fault = read_eight_bit(content)) return fault;
            continue;
        }
        if (rest[0] < ' ' || rest[0] > '~') return AddressFault::LocalPart;
        content += rest[0];
        rest.remove_prefix(1);
    }
    return AddressFault::LocalPart;
}

void append_quoted(std::string& out, std::string_view content) {
    out += '"';
    for (const char c : content) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    out += '"';
}

Fault MailboxReader::read_local_part(std::string& out) {
    const std::string_view before = rest;
    if (take('"')) {
        std::string content;
        if (const Fault fault = read_quoted(content)) return fault;
        std::string unquoted;
        MailboxReader inner(content, utf8_);
        // RFC 5321 4.1.2: not quoted unless it must be.
        if (!inner.read_atoms(unquoted) && inner.rest.empty()) {
            out += content;
        } else {
            append_quoted(out, content);
        }
    } else {
        if (const Fault fault = read_atoms(out)) return fault;
    }
    if (before.size() - rest.size() > kMaxLocalPart) return AddressFault::LocalTooLong;
    return std::nullopt;
}

bool is_domain_octet(char c) {
    return is_letter(c) || is_digit(c) || c == '-' || c == '_';
}

Fault MailboxReader::read_domain(std::string& out) {
    constexpr std::size_t kMaxLabel = 63;
    const std::size_t begin = out.size();
    while (true) {
        const std::size_t label_begin = out.size();
        while (!rest.empty()) {
            const char c = rest[0];
            if (is_eight_bit(c)) {
                if (const Fault fault = read_eight_bit(out)) return fault;
            } else if (is_domain_octet(c)) {
                std::size_t length = 1;
                while (length < rest.size() && is_domain_octet(rest[length]))
                    ++length;
                out += rest.substr(0, length);
                rest.remove_prefix(length);
            } else {
                break;
            }
        }
        const std::string_view label = std::string_view(out).substr(label_begin);
        if (label.empty() || label.front() == '-' || label.back() == '-') return AddressFault::Domain;
        // A U-label is measured by its A-label (RFC 5890 2.3.2.1), which is the upstream's affair.
        if (label.size() > kMaxLabel && is_ascii(label)) return AddressFault::Domain;
        if (!take('.')) break;
        out += '.';
    }
    if (out.size() - begin > kMaxDomain) return AddressFault::DomainTooLong;
    return std::nullopt;
}

bool is_ipv4(std::string_view text) {
    for (int part = 0; part < 4; ++part) {
        std::size_t length = 0;
        unsigned value = 0;
        while (length < text.size() && length < 4 && is_digit(text[length])) {
            value = value * 10 + static_cast<unsigned>(text[length] - '0');
            ++length;
        }
        if (length == 0 || length > 3 || value > 255) return false;
        text.remove_prefix(length);
        if (part < 3) {
            if (text.empty() || text[0] != '.') return false;
            text.remove_prefix(1);
        }
    }
    return text.empty();
}

// RFC 4291 2.2, with at most one "::" and an IPv4 address in place of the last two groups.
bool is_ipv6(std::string_view text) {
    std::size_t groups = 0;
    bool compressed = false;
    if (text.starts_with("::")) {
        compressed = true;
        text.remove_prefix(2);
        if (text.empty()) return true;
    }
    while (true) {
        if (text.contains('.') && !text.contains(':')) {
            if (!is_ipv4(text)) return false;
            groups += 2;
            break;
        }
        std::size_t length = 0;
        while (length < text.size() && is_hex(text[length]))
            ++length;
        if (length == 0 || length > 4) return false;
        ++groups;
        text.remove_prefix(length);
        if (text.empty()) break;
        if (text.starts_with("::")) {
            if (compressed) return false;
            compressed = true;
            text.remove_prefix(2);
            if (text.empty()) break;
        } else {
            if (text[0] != ':') return false;
            text.remove_prefix(1);
        }
    }
    // RFC 5321 4.1.3: "::" stands for two groups or more; RFC 4291 allows one, and writers use it.
    return compressed ? groups <= 7 : groups == 8;
}

// RFC 5321 4.1.3: Standardized-tag ":" 1*dcontent
bool is_general_literal(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return false;
    const std::string_view tag = text.substr(0, colon);
    const std::string_view content = text.substr(colon + 1);
    return std::all_of(tag.begin(), tag.end(),
                       [](char c) { return is_letter(c) || is_digit(c) || c == '-'; }) &&
           tag.back() != '-' && std::all_of(content.begin(), content.end(), [](char c) {
               return c >= '!' && c <= '~' && c != '[' && c != '\\' && c != ']';
           });
}

bool is_literal_content(std::string_view text) {
    constexpr std::string_view kIpv6Tag = "IPv6:";
    if (equal_ignoring_case(text.substr(0, kIpv6Tag.size()), kIpv6Tag)) {
        return is_ipv6(text.substr(kIpv6Tag.size()));
    }
    return is_ipv4(text) || is_general_literal(text);
}

// Behind the '['.
Fault MailboxReader::read_literal(std::string& out) {
    const std::size_t close = rest.find(']');
    if (close == std::string_view::npos) return AddressFault::Literal;
    const std::string_view content = rest.substr(0, close);
    if (!is_literal_content(content)) return AddressFault::Literal;
    if (content.size() + 2 > kMaxDomain) return AddressFault::DomainTooLong;
    out += '[';
    out += content;
    out += ']';
    rest.remove_prefix(close + 1);
    return std::nullopt;
}

Fault MailboxReader::read_domain_or_literal(std::string& out) {
    return take('[') ? read_literal(out) : read_domain(out);
}

Fault MailboxReader::read_mailbox(std::string& out) {
    out.reserve(std::min(rest.size(), kMaxPath));
    if (const Fault fault = read_local_part(out)) return fault;
    if (!take('@')) return rest.empty() || rest[0] == '>' ? AddressFault::Domain : AddressFault::LocalPart;
    out += '@';
    return read_domain_or_literal(out);
}

// "@a,@b:", already known to begin with '@'.
Fault MailboxReader::read_route() {
    std::string ignored;
    do {
        if (!take('@')) return AddressFault::Route;
        if (const Fault fault = read_domain_or_literal(ignored)) return fault;
    } while (take(','));
    if (!take(':')) return AddressFault::Route;
    return std::nullopt;
}

}  // namespace

std::string_view to_string(AddressFault fault) {
    switch (fault) {
        case AddressFault::Brackets:
            return "an address stands between < and >";
        case AddressFault::LocalPart:
            return "the part before @ is empty or has a character that needs quotes";
        case AddressFault::Domain:
            return "the part behind @ is missing or is no domain";
        case AddressFault::Literal:
            return "the address literal is neither [192.0.2.1] nor [IPv6:2001:db8::1]";
        case AddressFault::Route:
            return "the source route cannot be read";
        case AddressFault::LocalTooLong:
            return "the part before @ is longer than 64 octets";
        case AddressFault::DomainTooLong:
            return "the domain is longer than 255 octets";
        case AddressFault::PathTooLong:
            return "the address is longer than 256 octets";
        case AddressFault::NonAscii:
            return "an address that is not ASCII needs SMTPUTF8 on MAIL";
        case AddressFault::BadUtf8:
            return "the address is not valid UTF-8";
    }
    return "the address cannot be read";
}

std::expected<Path, AddressFault> parse_path(std::string_view text, PathRules rules) {
    constexpr std::string_view kPostmaster = "postmaster";
    MailboxReader reader(text, rules.utf8);
    Path path;
    if (!reader.take('<')) return std::unexpected(AddressFault::Brackets);
    if (rules.allow_null && reader.take('>')) {
        path.length = 2;
        return path;
    }
    // RFC 5321 4.1.1.3: "<Postmaster>" needs no domain.
    const bool postmaster = rules.allow_postmaster && reader.rest.size() > kPostmaster.size() &&
                            reader.rest[kPostmaster.size()] == '>' &&
                            equal_ignoring_case(reader.rest.substr(0, kPostmaster.size()), kPostmaster);
    if (postmaster) {
        path.mailbox = kPostmaster;
        path.length = kPostmaster.size() + 2;
        return path;
    }
    Fault fault;
    if (!reader.rest.empty() && reader.rest[0] == '@') fault = reader.read_route();
    if (!fault) fault = reader.read_mailbox(path.mailbox);
    if (fault) return std::unexpected(*fault);
    if (!reader.take('>')) {
        return std::unexpected(reader.rest.empty() ? AddressFault::Brackets : AddressFault::Domain);
    }
    path.length = text.size() - reader.rest.size();
    if (path.length > kMaxPath) return std::unexpected(AddressFault::PathTooLong);
    return path;
}

std::expected<std::string, AddressFault> parse_mailbox(std::string_view text, bool utf8) {
    MailboxReader reader(text, utf8);
    std::string mailbox;
    if (const Fault fault = reader.read_mailbox(mailbox)) return std::unexpected(*fault);
    if (!reader.rest.empty()) return std::unexpected(AddressFault::Domain);
    if (text.size() + 2 > kMaxPath) return std::unexpected(AddressFault::PathTooLong);
    return mailbox;
}

std::string_view domain_of(std::string_view mailbox) {
    // A domain or literal never holds '@' except in a general literal, which begins with '['.
    const std::size_t bracket = mailbox.rfind("@[");
    const std::size_t at =
        mailbox.ends_with(']') && bracket != std::string_view::npos ? bracket : mailbox.rfind('@');
    return at == std::string_view::npos ? std::string_view() : mailbox.substr(at + 1);
}

std::string_view local_part_of(std::string_view mailbox) {
    const std::size_t domain = domain_of(mailbox).size();
    return domain == 0 ? mailbox : mailbox.substr(0, mailbox.size() - domain - 1);
}

bool is_domain(std::string_view text, bool utf8) {
    MailboxReader reader(text, utf8);
    std::string domain;
    return !reader.read_domain_or_literal(domain) && reader.rest.empty();
}

}  // namespace posthouse::protocol
