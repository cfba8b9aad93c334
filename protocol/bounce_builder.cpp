#include "protocol/bounce_builder.h"

#include "protocol/bounce_text.h"
#include "protocol/date.h"
#include "protocol/header_scan.h"
#include "protocol/quoted_printable.h"
#include "protocol/utf8.h"
#include "protocol/xtext.h"

#include <algorithm>

namespace posthouse::protocol {

namespace {

constexpr std::size_t kLineLimit = 998;

struct Part {
    std::string type;
    std::string_view description;
    std::string_view encoding;  // "7bit", "8bit", "quoted-printable"
    std::string body;           // ends with CRLF
};

bool has_action(const Bounce& bounce, BounceAction action) {
    return std::ranges::any_of(
        bounce.recipients, [action](const BounceRecipient& recipient) { return recipient.action == action; });
}

bool is_failure(const Bounce& bounce) {
    return has_action(bounce, BounceAction::Failed) || has_action(bounce, BounceAction::Expired);
}

bool is_utf8_address(std::string_view address) {
    return !is_ascii(address) && is_valid_utf8(address);
}

// Only CRLF line ends, and no line too long to be sent as it is.
bool has_clean_lines(std::string_view text) {
    while (!text.empty()) {
        const std::size_t end = text.find("\r\n");
        const std::string_view line = text.substr(0, end);
        if (line.size() > kLineLimit ||
            line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
            return false;
        }
        if (end == std::string_view::npos) return true;
        text.remove_prefix(end + 2);
    }
    return true;
}

void end_line(std::string& text) {
    if (!text.ends_with("\r\n")) text += "\r\n";
}

Part words_part(const Bounce& bounce) {
    Part part{"text/plain; charset=us-ascii", "Notification", "7bit", bounce_words(bounce)};
    if (!is_ascii(part.body)) {
        part.type = "text/plain; charset=utf-8";
        part.encoding = "quoted-printable";
        part.body = quoted_printable_encode(part.body);
    }
    return part;
}

std::string_view action_name(BounceAction action) {
    switch (action) {
        case BounceAction::Failed:
        case BounceAction::Expired:
            return "failed";
        case BounceAction::Delayed:
            return "delayed";
        case BounceAction::Relayed:
            return "relayed";
    }
    return "failed";
}

// RFC 3464 2.3.1, RFC 3461 6.3(c): the ORCPT as the client wrote it, without its xtext. Empty if it is
// malformed.
std::string original_recipient(std::string_view orcpt, Charset charset) {
    const std::size_t semicolon = orcpt.find(';');
    if (semicolon == std::string_view::npos || semicolon == 0) return {};
    const std::string type = shown(orcpt.substr(0, semicolon), Charset::Ascii);
    const std::string_view text = orcpt.substr(semicolon + 1);
    std::string address;
    if (const std::optional<std::string> decoded = xtext_decode(text)) {
        address = *decoded;
    } else {
        address = text;  // RFC 6533 3: utf-8 addresses are not xtext
    }
    if (charset == Charset::Ascii && is_utf8_address(address)) return "utf-8; " + ascii_form(address);
    return type + "; " + shown(address, charset);
}

std::string final_recipient(std::string_view address, Charset charset) {
    if (!is_utf8_address(address)) return "rfc822; " + shown(address, Charset::Ascii);
    return "utf-8; " + (charset == Charset::Utf8 ? shown(address, charset) : ascii_form(address));
}

std::string to_string(const BounceRecipient& recipient, Charset charset) {
    std::string out;
    const std::string original = original_recipient(recipient.original_recipient, charset);
    if (!original.empty()) append_field(out, "Original-Recipient", original);
    append_field(out, "Final-Recipient", final_recipient(recipient.address, charset));
    append_field(out, "Action", action_name(recipient.action));
    append_field(out, "Status", to_string(bounce_status(recipient)));
    const bool remote = recipient.reply.code != 0 && !recipient.remote_host.empty();
    if (remote) append_field(out, "Remote-MTA", "dns; " + shown(recipient.remote_host, Charset::Ascii));
    if (recipient.reply.code != 0 || !recipient.reply.text.empty()) {
        const std::string words = recipient.reply.code != 0 ? to_line(recipient.reply) : recipient.reply.text;
        append_field(out, "Diagnostic-Code", (remote ? "smtp; " : "x-posthouse; ") + shown(words, charset));
    }
    if (to_unix_ms(recipient.last_attempt) > 0) {
        append_field(out, "Last-Attempt-Date", format_date(recipient.last_attempt));
    }
    if (recipient.action == BounceAction::Delayed && recipient.retry_until) {
        append_field(out, "Will-Retry-Until", format_date(*recipient.retry_until));
    }
    return out;
}

Part status_part(const Bounce& bounce) {
    const bool utf8 = bounce.smtputf8 && std::ranges::any_of(bounce.recipients, [](const BounceRecipient& r) {
                          return is_utf8_address(r.address);
                      });
    const Charset charset = utf8 ? Charset::Utf8 : Charset::Ascii;
    Part part{
        utf8 ? "message/global-delivery-status" : "message/delivery-status", "Delivery report", "7bit", {}};
    append_field(part.body, "Reporting-MTA", "dns; " + shown(bounce.hostname, Charset::Ascii));
    if (!bounce.envelope_id.empty()) {
        const std::string envelope_id =
            xtext_decode(bounce.envelope_id).value_or(std::string(bounce.envelope_id));
        append_field(part.body, "Original-Envelope-Id", shown(envelope_id, Charset::Ascii));
    }
    append_field(part.body, "Arrival-Date", format_date(bounce.arrival));
    for (const BounceRecipient& recipient : bounce.recipients) {
        part.body += "\r\n";
        part.body += to_string(recipient, charset);
    }
    if (!is_ascii(part.body)) part.encoding = "8bit";
    return part;
}

// RFC 3461 4.3: the whole message only where RET=FULL was asked for and something failed.
bool may_return_full(const Bounce& bounce, bool utf8_header) {
    return bounce.return_full && is_failure(bounce) && bounce.original.size() > bounce.header_size &&
           bounce.original.size() <= kMaxReturnedContent && has_clean_lines(bounce.original) &&
           (is_ascii(bounce.original.substr(0, bounce.header_size)) || utf8_header);
}

// The header without its empty line, whole lines only.
std::string_view returned_header(const Bounce& bounce) {
    std::string_view header = bounce.original.substr(0, bounce.header_size);
    if (header == "\r\n") return {};
    if (header.ends_with("\r\n\r\n")) header.remove_suffix(2);
    if (header.size() <= kMaxReturnedHeader) return header;
    header = header.substr(0, kMaxReturnedHeader);
    const std::size_t last = header.rfind("\r\n");
    return last == std::string_view::npos ? header : header.substr(0, last + 2);
}

Part original_part(const Bounce& bounce) {
    const std::string_view header = returned_header(bounce);
    const bool ascii_header = is_ascii(header);
    const bool utf8_header = bounce.smtputf8 && !ascii_header && is_valid_utf8(header);
    Part part;
    if (may_return_full(bounce, utf8_header)) {
        part.type = utf8_header ? "message/global" : "message/rfc822";
        part.description = "Undelivered message";
        part.encoding = is_ascii(bounce.original) ? "7bit" : "8bit";
        part.body = bounce.original;
        end_line(part.body);
        return part;
    }
    part.description = "Message header";
    part.type = utf8_header ? "message/global-headers" : "text/rfc822-headers";
    part.encoding = ascii_header ? "7bit" : "8bit";
    part.body = header;
    if (!has_clean_lines(header) || (!ascii_header && !utf8_header)) {
        part.encoding = "quoted-printable";
        part.body = quoted_printable_encode(header);
    }
    end_line(part.body);
    return part;
}

std::string_view subject(const Bounce& bounce) {
    if (is_failure(bounce)) return "Undelivered mail returned to sender";
    if (has_action(bounce, BounceAction::Delayed)) return "Delayed mail (still being tried)";
    return "Mail handed on (no further reports)";
}

// The Message-ID of the original with its brackets, if it can be repeated in a field of ours.
std::string original_message_id(const Bounce& bounce) {
    HeaderScan scan({});
    scan.feed(bounce.original.substr(0, bounce.header_size));
    scan.finish();
    const std::string_view value = scan.value(HeaderField::MessageId);
    const bool plain = std::ranges::all_of(value, [](char c) { return c > ' ' && c < 0x7F; });
    if (!plain || value.size() > 250 || !value.starts_with('<') || !value.ends_with('>')) return {};
    return std::string(value);
}

// RFC 2046 5.1.1: the boundary occurs in no part. "=_" cannot occur in quoted-printable text at all.
std::string choose_boundary(std::uint64_t random, const std::vector<Part>& parts) {
    constexpr std::string_view kHex = "0123456789abcdef";
    while (true) {
        std::string boundary = "=_posthouse_";
        for (unsigned shift = 0; shift < 64; shift += 4)
            boundary += kHex[random >> shift & 0xFU];
        const bool taken = std::ranges::any_of(
            parts, [&](const Part& part) { return part.body.find(boundary) != std::string::npos; });
        if (!taken) return boundary;
        ++random;
    }
}

}  // namespace

EnhancedCode bounce_status(const BounceRecipient& recipient) {
    std::uint8_t klass = 5;
    switch (recipient.action) {
        case BounceAction::Failed:
            if (recipient.reply.transient()) klass = 4;
            break;
        case BounceAction::Expired:
            return {4, 4, 7};
        case BounceAction::Delayed:
            klass = 4;
            break;
        case BounceAction::Relayed:
            klass = 2;
            break;
    }
    if (recipient.reply.enhanced && recipient.reply.enhanced->klass == klass)
        return *recipient.reply.enhanced;
    return {klass, 0, 0};
}

BuiltBounce build_bounce(const Bounce& bounce) {
    std::vector<Part> parts;
    parts.push_back(words_part(bounce));
    parts.push_back(status_part(bounce));
    if (!bounce.original.empty()) parts.push_back(original_part(bounce));
    const std::string boundary = choose_boundary(bounce.random, parts);

    BuiltBounce built;
    std::string& out = built.content;
    const std::string host = shown(bounce.hostname, Charset::Ascii);
    const bool utf8_sender = is_utf8_address(bounce.sender);
    append_field(out, "From", "Mail Delivery System <MAILER-DAEMON@" + host + ">");
    append_field(out, "To", "<" + shown(bounce.sender, utf8_sender ? Charset::Utf8 : Charset::Ascii) + ">");
    append_field(out, "Subject", subject(bounce));
    append_field(out, "Date", format_date(bounce.now));
    append_field(out, "Message-ID", shown(bounce.message_id, Charset::Ascii));
    if (const std::string original = original_message_id(bounce); !original.empty()) {
        append_field(out, "In-Reply-To", original);
        append_field(out, "References", original);
    }
    append_field(out, "Auto-Submitted", "auto-replied");
    append_field(out, "MIME-Version", "1.0");
    append_field(out, "Content-Type",
                 "multipart/report; report-type=delivery-status; boundary=\"" + boundary + "\"");
    built.utf8_header = !is_ascii(out);
    const bool eight_bit_parts =
        std::ranges::any_of(parts, [](const Part& part) { return part.encoding == "8bit"; });
    if (eight_bit_parts) append_field(out, "Content-Transfer-Encoding", "8bit");
    out += "\r\n";
    built.header_size = out.size();
    built.eight_bit = built.utf8_header || eight_bit_parts;

    for (const Part& part : parts) {
        out += "--" + boundary + "\r\n";
        append_field(out, "Content-Description", part.description);
        append_field(out, "Content-Type", part.type);
        append_field(out, "Content-Transfer-Encoding", part.encoding);
        out += "\r\n";
        out += part.body;
        out += "\r\n";
    }
    out += "--" + boundary + "--\r\n";
    return built;
}

}  // namespace posthouse::protocol
