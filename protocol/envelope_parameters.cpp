#include "protocol/envelope_parameters.h"

#include "protocol/reply_codes.h"
#include "protocol/utf8.h"
#include "protocol/xtext.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

namespace posthouse::protocol {

namespace {

using Refusal = std::optional<Reply>;

struct Parameter {
    std::string keyword;  // upper case
    std::string_view value;
    bool has_value = false;
};

bool is_alnum(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string to_upper(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return out;
}

// RFC 5321 4.1.2 esmtp-param; nothing if `word` is none.
std::optional<Parameter> parse_parameter(std::string_view word) {
    Parameter parameter;
    const std::size_t equals = word.find('=');
    const std::string_view keyword = word.substr(0, equals);
    parameter.keyword = to_upper(keyword);
    parameter.has_value = equals != std::string_view::npos;
    if (parameter.has_value) parameter.value = word.substr(equals + 1);

    const bool keyword_fits =
        !keyword.empty() && keyword[0] != '-' &&
        std::all_of(keyword.begin(), keyword.end(), [](char c) { return is_alnum(c) || c == '-'; });
    const bool value_fits =
        !parameter.has_value || (!parameter.value.empty() && !parameter.value.contains('='));
    if (!keyword_fits || !value_fits) return std::nullopt;
    return parameter;
}

// Gives each parameter to `apply`, and refuses words that are none and keywords that come twice.
template <class Apply>
Refusal for_each_parameter(std::string_view parameters, Apply apply) {
    std::string seen = " ";
    while (!parameters.empty()) {
        const std::string_view word = parameters.substr(0, parameters.find(' '));
        parameters.remove_prefix(word.size());
        parameters.remove_prefix(std::min(parameters.find_first_not_of(' '), parameters.size()));
        const auto parameter = parse_parameter(word);
        if (!parameter) return replies::syntax_error("a parameter is KEYWORD or KEYWORD=value");
        const std::string mark = " " + parameter->keyword + " ";
        if (seen.contains(mark)) return replies::syntax_error("a parameter is given twice");
        seen += parameter->keyword;
        seen += ' ';
        if (Refusal refusal = apply(*parameter)) return refusal;
    }
    return std::nullopt;
}

bool is_printable_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// RFC 1870 3: 1*20DIGIT
Refusal parse_size(std::string_view value, std::optional<std::uint64_t>& size) {
    constexpr std::size_t kMaxDigits = 20;
    std::uint64_t number = 0;
    const char* const end = value.data() + value.size();
    const auto read = std::from_chars(value.data(), end, number);
    if (value.empty() || value.size() > kMaxDigits || read.ptr != end ||
        read.ec == std::errc::invalid_argument) {
        return replies::syntax_error("SIZE is a decimal number");
    }
    if (read.ec == std::errc::result_out_of_range) return replies::message_too_big();
    size = number;
    return std::nullopt;
}

// RFC 6152 2; BINARYMIME (RFC 3030 3) is not offered.
Refusal parse_body(std::string_view value, BodyType& body) {
    const std::string name = to_upper(value);
    if (name == "7BIT") {
        body = BodyType::SevenBit;
    } else if (name == "8BITMIME") {
        body = BodyType::EightBitMime;
    } else if (name == "BINARYMIME") {
        return replies::unknown_parameter("BODY=BINARYMIME is not offered");
    } else {
        return replies::syntax_error("BODY is 7BIT or 8BITMIME");
    }
    return std::nullopt;
}

// RFC 3461 4.3
Refusal parse_ret(std::string_view value, DsnReturn& dsn_return) {
    const std::string name = to_upper(value);
    if (name == "FULL") {
        dsn_return = DsnReturn::Full;
    } else if (name == "HDRS") {
        dsn_return = DsnReturn::Headers;
    } else {
        return replies::syntax_error("RET is FULL or HDRS");
    }
    return std::nullopt;
}

// RFC 3461 4.4
Refusal parse_envid(std::string_view value, std::string& envelope_id) {
    constexpr std::size_t kMaxEnvid = 100;
    const auto decoded = xtext_decode(value);
    if (value.empty() || value.size() > kMaxEnvid || !decoded || !is_printable_ascii(*decoded)) {
        return replies::syntax_error("ENVID is at most 100 octets of xtext for printable text");
    }
    envelope_id = value;
    return std::nullopt;
}

// RFC 4954 5: an xtext mailbox or "<>". It is only passed over, so the form of the mailbox is not judged.
Refusal parse_auth(std::string_view value, std::optional<std::string>& auth) {
    constexpr std::size_t kMaxAuth = 500;
    const auto decoded = xtext_decode(value);
    if (value.empty() || value.size() > kMaxAuth || !decoded || has_control_characters(*decoded) ||
        !is_valid_utf8(*decoded)) {
        return replies::syntax_error("AUTH is an xtext mailbox or <>");
    }
    auth = *decoded == "<>" ? std::string() : *decoded;
    return std::nullopt;
}

// RFC 3461 4.1: NEVER alone, or a list of the other three.
Refusal parse_notify(std::string_view value, std::uint8_t& notify) {
    const std::string names = to_upper(value);
    std::string_view rest = names;
    while (true) {
        const std::size_t comma = rest.find(',');
        const std::string_view name = rest.substr(0, comma);
        if (name == "NEVER") {
            notify |= kNotifyNever;
        } else if (name == "SUCCESS") {
            notify |= kNotifySuccess;
        } else if (name == "FAILURE") {
            notify |= kNotifyFailure;
        } else if (name == "DELAY") {
            notify |= kNotifyDelay;
        } else {
            return replies::syntax_error("NOTIFY is NEVER, or a list of SUCCESS, FAILURE and DELAY");
        }
        if (comma == std::string_view::npos) break;
        rest.remove_prefix(comma + 1);
    }
    if ((notify & kNotifyNever) != 0 && notify != kNotifyNever) {
        return replies::syntax_error("NOTIFY=NEVER stands alone");
    }
    return std::nullopt;
}

// RFC 3461 4.2: addr-type ";" xtext; RFC 6533 3: with SMTPUTF8, "utf-8;" may be followed by UTF-8 as it is.
bool is_original_recipient(std::string_view value, bool smtputf8) {
    constexpr std::size_t kMaxOrcpt = 500;
    const std::size_t semicolon = value.find(';');
    if (value.size() > kMaxOrcpt || semicolon == std::string_view::npos || semicolon == 0) return false;
    const std::string_view type = value.substr(0, semicolon);
    const std::string_view address = value.substr(semicolon + 1);
    const bool type_fits =
        std::all_of(type.begin(), type.end(), [](char c) { return is_alnum(c) || c == '-'; });
    if (!type_fits || address.empty()) return false;
    if (smtputf8 && to_upper(type) == "UTF-8" && !is_ascii(address)) {
        return is_valid_utf8(address) && !has_control_characters(address) && !address.contains('+');
    }
    const auto decoded = xtext_decode(address);
    return decoded && is_printable_ascii(*decoded);
}

}  // namespace

std::optional<Reply> parse_mail_parameters(std::string_view parameters, command::Mail& mail) {
    return for_each_parameter(parameters, [&mail](const Parameter& parameter) -> Refusal {
        if (parameter.keyword == "SIZE") return parse_size(parameter.value, mail.size);
        if (parameter.keyword == "BODY") return parse_body(parameter.value, mail.body);
        if (parameter.keyword == "RET") return parse_ret(parameter.value, mail.dsn_return);
        if (parameter.keyword == "ENVID") return parse_envid(parameter.value, mail.envelope_id);
        if (parameter.keyword == "AUTH") return parse_auth(parameter.value, mail.auth);
        if (parameter.keyword == "SMTPUTF8") {
            if (parameter.has_value) return replies::syntax_error("SMTPUTF8 takes no value");
            mail.smtputf8 = true;
            return std::nullopt;
        }
        return replies::unknown_parameter("MAIL parameter not recognized");
    });
}

std::optional<Reply> parse_rcpt_parameters(std::string_view parameters, bool smtputf8, Recipient& recipient) {
    return for_each_parameter(parameters, [&recipient, smtputf8](const Parameter& parameter) -> Refusal {
        if (parameter.keyword == "NOTIFY") return parse_notify(parameter.value, recipient.notify);
        if (parameter.keyword == "ORCPT") {
            if (!is_original_recipient(parameter.value, smtputf8)) {
                return replies::syntax_error("ORCPT is type;address, at most 500 octets of xtext");
            }
            recipient.original_recipient = parameter.value;
            return std::nullopt;
        }
        return replies::unknown_parameter("RCPT parameter not recognized");
    });
}

}  // namespace posthouse::protocol
