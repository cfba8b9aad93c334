#include "protocol/bounce_text.h"

#include "protocol/date.h"
#include "protocol/utf8.h"

#include <algorithm>
#include <array>

namespace posthouse::protocol {

namespace {

constexpr std::size_t kFieldColumns = 76;
constexpr std::size_t kTextColumns = 72;
constexpr std::size_t kLongestWord = 900;

constexpr bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

// The end of the piece of `text` that may stand on one line, not inside a UTF-8 sequence.
std::size_t piece_end(std::string_view text) {
    if (text.size() <= kLongestWord) return text.size();
    std::size_t end = kLongestWord;
    while (end > kLongestWord - 4 && is_continuation(text[end]))
        --end;
    return end;
}

// Calls use(word) for every word of `text`; a word too long for a line comes in pieces.
template <class Use>
void for_each_word(std::string_view text, Use&& use) {
    while (!text.empty()) {
        const std::size_t space = std::min(text.find(' '), text.size());
        std::string_view word = text.substr(0, space);
        text.remove_prefix(std::min(space + 1, text.size()));
        while (!word.empty()) {
            const std::size_t end = piece_end(word);
            use(word.substr(0, end));
            word.remove_prefix(end);
        }
    }
}

// What a person can do about it. RFC 3463 3: subject and detail mean the same in every class.
std::string_view advice(EnhancedCode status) {
    if (status.subject == 1 && (status.detail == 1 || status.detail == 6 || status.detail == 10)) {
        return "The address does not exist there. Check it for typing errors, or ask the recipient for the "
               "current one.";
    }
    if (status.subject == 1 && status.detail == 2) {
        return "The domain of the address does not exist. Check it for typing errors.";
    }
    if (status.subject == 1 && (status.detail == 7 || status.detail == 8)) {
        return "The sender address was not accepted. Ask the administrator which addresses may send here.";
    }
    if (status.subject == 2 && status.detail == 1) {
        return "The mailbox is disabled. Reach the recipient in another way.";
    }
    if (status.subject == 2 && status.detail == 2) {
        return "The mailbox is full. Send the message again when the recipient has made room.";
    }
    if ((status.subject == 2 && status.detail == 3) || (status.subject == 3 && status.detail == 4)) {
        return "The message is too large. Send it without the attachments, or in smaller pieces.";
    }
    if (status.subject == 4 && status.detail == 6) {
        return "The message goes round in a loop. Tell the administrator of this relay.";
    }
    if (status.subject == 4 && status.detail == 7) {
        return "Send the message again, or reach the recipient in another way. If other mail is stuck as "
               "well, "
               "tell the administrator of this relay.";
    }
    if (status.subject == 6) {
        return "The server cannot take a message of this form. Send it without special characters in "
               "addresses "
               "and subject, or as plain text.";
    }
    if (status.subject == 7) {
        return "This is a rule of the server, often against spam or about who may send. Its words above say "
               "which; if they do not help, show them to the administrator.";
    }
    return "If the words above do not help, show this message to the administrator.";
}

std::string_view heading(BounceAction action) {
    switch (action) {
        case BounceAction::Failed:
            return "Your message could not be delivered to the recipients below. It will not be tried again.";
        case BounceAction::Expired:
            return "No server accepted your message for the recipients below in the time that mail is kept "
                   "here. "
                   "It will not be tried again.";
        case BounceAction::Delayed:
            return "Your message has not been delivered to the recipients below yet. It is kept and tried "
                   "again "
                   "by itself; you need not send it again.";
        case BounceAction::Relayed:
            return "Your message was handed to the next server for the recipients below. That server does "
                   "not "
                   "report any further, so this is the last notice.";
    }
    return {};
}

void append_recipient(std::string& out, const BounceRecipient& recipient) {
    append_paragraph(out, "", "<" + shown(recipient.address, Charset::Utf8) + ">");
    const std::string words = shown(to_line(recipient.reply), Charset::Utf8);
    const bool answered = recipient.reply.code != 0;
    const std::string host =
        recipient.remote_host.empty() ? "This relay" : shown(recipient.remote_host, Charset::Utf8);
    if (answered) {
        append_paragraph(out, "    ",
                         host + (recipient.reply.positive() ? " accepted it: " : " answered: ") + words);
    } else if (!recipient.reply.text.empty()) {
        append_paragraph(out, "    ", shown(recipient.reply.text, Charset::Utf8));
    } else if (recipient.action == BounceAction::Expired || recipient.action == BounceAction::Delayed) {
        append_paragraph(out, "    ", "There was no answer from any server.");
    }
    if (recipient.retry_until && recipient.action == BounceAction::Delayed) {
        append_paragraph(out, "    ", "It is tried until " + format_date(*recipient.retry_until) + ".");
    }
    if (recipient.action == BounceAction::Failed || recipient.action == BounceAction::Expired) {
        append_paragraph(out, "    ", advice(bounce_status(recipient)));
    }
    out += "\r\n";
}

}  // namespace

std::string shown(std::string_view text, Charset charset) {
    const bool cut = text.size() > kMaxShown;
    text = text.substr(0, kMaxShown);
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = utf8_sequence_length(text);
        const std::string_view character = text.substr(0, length);
        if (length == 0) {
            // The last character may have been cut in two; then nothing is shown of it.
            if (!cut || text.size() > 3) out += '?';
            text.remove_prefix(1);
            continue;
        }
        const bool fits = length == 1 || charset == Charset::Utf8;
        if (fits && !has_control_characters(character)) {
            out += character;
        } else {
            out += character == "\n" || character == "\t" ? ' ' : '?';
        }
        text.remove_prefix(length);
    }
    if (cut) out += " ...";
    return out;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += ':';
    std::size_t column = name.size() + 1;
    bool first = true;
    for_each_word(value, [&](std::string_view word) {
        // Never in front of the first word: a first line without content confuses readers.
        if (!first && column + 1 + word.size() > kFieldColumns) {
            out += "\r\n";
            column = 0;
        }
        first = false;
        out += ' ';
        out += word;
        column += 1 + word.size();
    });
    out += "\r\n";
}

void append_paragraph(std::string& out, std::string_view indent, std::string_view text) {
    std::size_t column = 0;
    for_each_word(text, [&](std::string_view word) {
        if (column > 0 && column + 1 + word.size() > kTextColumns) {
            out += "\r\n";
            column = 0;
        }
        out += column == 0 ? indent : " ";
        column += column == 0 ? indent.size() : 1;
        out += word;
        column += word.size();
    });
    out += "\r\n";
}

std::string ascii_form(std::string_view utf8_address) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string out;
    while (!utf8_address.empty()) {
        const std::size_t length = utf8_sequence_length(utf8_address);
        if (length == 0) {
            out += '?';
            utf8_address.remove_prefix(1);
            continue;
        }
        const char first = utf8_address.front();
        if (length == 1 && first > ' ' && first < 0x7F && first != '+' && first != '=' && first != '\\') {
            out += first;
        } else {
            unsigned point = static_cast<unsigned char>(first);
            if (length > 1) point &= 0x7FU >> length;
            for (std::size_t i = 1; i < length; ++i) {
                point = point << 6U | (static_cast<unsigned char>(utf8_address[i]) & 0x3FU);
            }
            std::string digits;
            for (unsigned rest = point; rest > 0 || digits.size() < 2; rest >>= 4U)
                digits += kHex[rest & 0xFU];
            std::ranges::reverse(digits);
            out += "\\x{" + digits + "}";
        }
        utf8_address.remove_prefix(length);
    }
    return out;
}

std::string bounce_words(const Bounce& bounce) {
    std::string out;
    append_paragraph(out, "",
                     "This is the mail relay " + shown(bounce.hostname, Charset::Ascii) +
                         ". You get this notice because you are the sender of a message.");
    out += "\r\n";
    constexpr std::array kOrder{BounceAction::Failed, BounceAction::Expired, BounceAction::Delayed,
                                BounceAction::Relayed};
    for (const BounceAction action : kOrder) {
        bool first = true;
        for (const BounceRecipient& recipient : bounce.recipients) {
            if (recipient.action != action) continue;
            if (first) {
                append_paragraph(out, "", heading(action));
                out += "\r\n";
            }
            first = false;
            append_recipient(out, recipient);
        }
    }
    append_paragraph(out, "",
                     "The message was accepted here on " + format_date(bounce.arrival) + " and is known as " +
                         shown(bounce.queue_id, Charset::Ascii) + ".");
    return out;
}

}  // namespace posthouse::protocol
