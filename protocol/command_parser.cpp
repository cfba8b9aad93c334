#include "protocol/command_parser.h"

#include "protocol/address.h"
#include "protocol/envelope_parameters.h"
#include "protocol/reply_codes.h"
#include "protocol/utf8.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <string>
#include <system_error>
#include <utility>

namespace posthouse::protocol {

namespace {

using Parsed = std::expected<ParsedCommand, Reply>;

struct VerbName {
    std::string_view name;
    Verb verb;
};

constexpr std::array kVerbs{
    VerbName{"HELO", Verb::Helo}, VerbName{"EHLO", Verb::Ehlo},         VerbName{"MAIL", Verb::Mail},
    VerbName{"RCPT", Verb::Rcpt}, VerbName{"DATA", Verb::Data},         VerbName{"BDAT", Verb::Bdat},
    VerbName{"RSET", Verb::Rset}, VerbName{"NOOP", Verb::Noop},         VerbName{"HELP", Verb::Help},
    VerbName{"VRFY", Verb::Vrfy}, VerbName{"EXPN", Verb::Expn},         VerbName{"QUIT", Verb::Quit},
    VerbName{"AUTH", Verb::Auth}, VerbName{"STARTTLS", Verb::StartTls},
};

// What a browser can be made to send to a port (RFC 9110 9.3, RFC 5789).
constexpr std::array<std::string_view, 9> kHttpMethods{"GET",     "HEAD",  "POST",  "PUT",    "DELETE",
                                                       "CONNECT", "TRACE", "PATCH", "OPTIONS"};

char to_upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

// `upper` is in upper case already.
bool equals_keyword(std::string_view text, std::string_view upper) {
    return std::equal(text.begin(), text.end(), upper.begin(), upper.end(),
                      [](char a, char b) { return to_upper(a) == b; });
}

std::string_view first_word(std::string_view text) {
    return text.substr(0, text.find(' '));
}

std::string_view without_leading_spaces(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    return text;
}

std::string_view take_word(std::string_view& text) {
    const std::string_view word = first_word(text);
    text = without_leading_spaces(text.substr(word.size()));
    return word;
}

bool has_c0_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        const auto octet = static_cast<unsigned char>(c);
        return octet < 0x20 || octet == 0x7F;
    });
}

std::unexpected<Reply> refuse(Reply reply) {
    return std::unexpected(std::move(reply));
}

// Letters, digits and what domains, literals and sloppy host names consist of: safe in a trace header.
bool is_host_word(std::string_view text) {
    return text.size() <= kMaxDomain && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (to_upper(c) >= 'A' && to_upper(c) <= 'Z') ||
                      std::string_view("._-:[]").contains(c);
           });
}

template <class Hello>
Parsed parse_hello(std::string_view arguments) {
    if (arguments.empty()) return refuse(replies::syntax_error("HELO and EHLO take the name of the client"));
    if (!is_host_word(arguments)) {
        return refuse(replies::syntax_error("the name of the client is a domain or an address literal"));
    }
    return Hello{std::string(arguments)};
}

// Splits "FROM:<path> parameters" or "TO:<path> parameters"; spaces behind the colon are tolerated.
bool take_prefix(std::string_view& arguments, std::string_view upper_prefix) {
    if (!equals_keyword(arguments.substr(0, upper_prefix.size()), upper_prefix)) return false;
    arguments = without_leading_spaces(arguments.substr(upper_prefix.size()));
    return true;
}

bool is_path_end(std::string_view arguments, std::size_t length) {
    return length == arguments.size() || arguments[length] == ' ';
}

Parsed parse_mail(std::string_view arguments) {
    if (!take_prefix(arguments, "FROM:")) return refuse(replies::syntax_error("write MAIL FROM:<address>"));
    // Whether UTF-8 is allowed is said behind the path.
    const auto path = parse_path(arguments, PathRules{.utf8 = true, .allow_null = true});
    if (!path) return refuse(replies::bad_sender(to_string(path.error())));
    if (!is_path_end(arguments, path->length)) {
        return refuse(replies::syntax_error("a space stands between the address and its parameters"));
    }
    command::Mail mail;
    mail.sender = path->mailbox;
    const std::string_view parameters = without_leading_spaces(arguments.substr(path->length));
    if (auto refusal = parse_mail_parameters(parameters, mail)) return refuse(std::move(*refusal));
    // RFC 6531 3.4: also the source route, which is not kept, must have been plain.
    if (!mail.smtputf8 && !is_ascii(arguments)) return refuse(replies::non_ascii_address());
    return mail;
}

Parsed parse_rcpt(std::string_view arguments, const ParseOptions& options) {
    if (!take_prefix(arguments, "TO:")) return refuse(replies::syntax_error("write RCPT TO:<address>"));
    const auto path = parse_path(arguments, PathRules{.utf8 = options.smtputf8, .allow_postmaster = true});
    if (!path) {
        if (path.error() == AddressFault::NonAscii) return refuse(replies::non_ascii_address());
        return refuse(replies::bad_recipient(to_string(path.error())));
    }
    if (!is_path_end(arguments, path->length)) {
        return refuse(replies::syntax_error("a space stands between the address and its parameters"));
    }
    command::Rcpt rcpt;
    rcpt.recipient.address = path->mailbox;
    const std::string_view parameters = without_leading_spaces(arguments.substr(path->length));
    if (auto refusal = parse_rcpt_parameters(parameters, options.smtputf8, rcpt.recipient)) {
        return refuse(std::move(*refusal));
    }
    return rcpt;
}

// RFC 3030 2: "BDAT" SP chunk-size [ SP "LAST" ]
Parsed parse_bdat(std::string_view arguments) {
    constexpr std::size_t kMaxDigits = 20;
    const std::string_view number = take_word(arguments);
    command::Bdat bdat;
    // from_chars() takes neither sign nor white space nor a base prefix for an unsigned type.
    const char* const end = number.data() + number.size();
    const auto read = std::from_chars(number.data(), end, bdat.size);
    if (number.empty() || number.size() > kMaxDigits || read.ec != std::errc() || read.ptr != end ||
        bdat.size > kMaxChunkSize) {
        return refuse(replies::syntax_error("the size of a BDAT chunk is a decimal number"));
    }
    if (!arguments.empty()) {
        if (!equals_keyword(arguments, "LAST")) {
            return refuse(replies::syntax_error("only LAST may stand behind the size of a BDAT chunk"));
        }
        bdat.last = true;
    }
    return bdat;
}

// RFC 4954 4: "AUTH" SP sasl-mech [SP initial-response]; RFC 4422 3.1: up to 20 letters, digits, '-' and '_'.
Parsed parse_auth(std::string_view arguments) {
    constexpr std::size_t kMaxMechanism = 20;
    const std::string_view mechanism = take_word(arguments);
    command::Auth auth;
    for (const char c : mechanism)
        auth.mechanism += to_upper(c);
    const bool well_formed =
        !mechanism.empty() && mechanism.size() <= kMaxMechanism &&
        std::all_of(auth.mechanism.begin(), auth.mechanism.end(), [](char c) {
            return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        });
    if (!well_formed) return refuse(replies::syntax_error("AUTH takes the name of a mechanism"));
    if (arguments.contains(' ')) {
        return refuse(replies::syntax_error("AUTH takes a mechanism and one initial response"));
    }
    if (arguments == "=") {
        auth.initial_response.emplace();
    } else if (!arguments.empty()) {
        auth.initial_response.emplace(arguments);
    }
    return auth;
}

template <class Plain>
Parsed parse_plain(Verb verb, std::string_view arguments) {
    if (!arguments.empty()) return refuse(replies::no_parameters(to_string(verb)));
    return Plain{};
}

bool looks_like_http(std::string_view word) {
    return std::any_of(kHttpMethods.begin(), kHttpMethods.end(),
                       [word](std::string_view method) { return equals_keyword(word, method); });
}

}  // namespace

Verb verb_of(std::string_view line) {
    const std::string_view word = first_word(line);
    for (const VerbName& known : kVerbs) {
        if (equals_keyword(word, known.name)) return known.verb;
    }
    return Verb::Unknown;
}

Verb verb_of(const ParsedCommand& command) {
    return static_cast<Verb>(command.index());
}

std::string_view to_string(Verb verb) {
    for (const VerbName& known : kVerbs) {
        if (known.verb == verb) return known.name;
    }
    return "?";
}

Parsed parse_command(std::string_view line, const ParseOptions& options) {
    // RFC 5321 4.1.1: white space at the end of a line is tolerated.
    while (line.ends_with(' '))
        line.remove_suffix(1);
    const std::string_view word = first_word(line);
    if (looks_like_http(word)) return command::Unknown{.looks_like_http = true};
    if (line.empty() || has_c0_control(line)) return refuse(replies::bad_command_line());

    const std::string_view arguments = without_leading_spaces(line.substr(word.size()));
    const Verb verb = verb_of(word);
    switch (verb) {
        case Verb::Helo:
            return parse_hello<command::Helo>(arguments);
        case Verb::Ehlo:
            return parse_hello<command::Ehlo>(arguments);
        case Verb::Mail:
            return parse_mail(arguments);
        case Verb::Rcpt:
            return parse_rcpt(arguments, options);
        case Verb::Bdat:
            return parse_bdat(arguments);
        case Verb::Auth:
            return parse_auth(arguments);
        case Verb::Data:
            return parse_plain<command::Data>(verb, arguments);
        case Verb::Rset:
            return parse_plain<command::Rset>(verb, arguments);
        case Verb::Quit:
            return parse_plain<command::Quit>(verb, arguments);
        case Verb::StartTls:
            return parse_plain<command::StartTls>(verb, arguments);
        case Verb::Noop:
            return command::Noop{};
        case Verb::Help:
            return command::Help{};
        case Verb::Expn:
            return command::Expn{};
        case Verb::Vrfy:
            if (arguments.empty()) return refuse(replies::syntax_error("VRFY takes a user or an address"));
            return command::Vrfy{};
        case Verb::Unknown:
            break;
    }
    return command::Unknown{};
}

}  // namespace posthouse::protocol
