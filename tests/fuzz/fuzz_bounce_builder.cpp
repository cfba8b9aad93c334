// Bounces: whatever replies, addresses and originals hold, lines end with CRLF and are short enough, no field
// appears that is not ours, and the parts are the ones that were meant.
#include "fuzz_input.h"
#include "plain_header.h"
#include "protocol/bounce_builder.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

using namespace posthouse;
using namespace posthouse::protocol;

namespace {

constexpr std::array<std::string_view, 12> kHeaderNames{"from",
                                                        "to",
                                                        "subject",
                                                        "date",
                                                        "message-id",
                                                        "in-reply-to",
                                                        "references",
                                                        "auto-submitted",
                                                        "mime-version",
                                                        "content-type",
                                                        "content-transfer-encoding",
                                                        "content-description"};
constexpr std::array<std::string_view, 11> kStatusNames{"reporting-mta",   "original-envelope-id",
                                                        "arrival-date",    "original-recipient",
                                                        "final-recipient", "action",
                                                        "status",          "remote-mta",
                                                        "diagnostic-code", "last-attempt-date",
                                                        "will-retry-until"};

// The next piece of the input, up to the separator.
std::string_view next(std::string_view& rest) {
    const std::size_t end = std::min(rest.find('\xFF'), rest.size());
    const std::string_view piece = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return piece;
}

void check_lines(std::string_view text) {
    fuzz::require(text.ends_with("\r\n"), "the last line ends");
    while (!text.empty()) {
        const std::size_t end = text.find("\r\n");
        const std::string_view line = text.substr(0, end);
        fuzz::require(line.size() <= 998, "lines are short enough");
        fuzz::require(line.find_first_of("\r\n") == std::string_view::npos, "only CRLF ends a line");
        text.remove_prefix(end + 2);
    }
}

template <class Names>
void check_fields(std::string_view header, const Names& names, std::size_t count_of_first) {
    const fuzz::PlainHeader plain = fuzz::read_header(header);
    fuzz::require(!plain.broken_off && plain.size == header.size(), "every line is a field");
    std::size_t first = 0;
    for (const fuzz::PlainField& field : plain.fields) {
        fuzz::require(std::ranges::find(names, field.name) != names.end(), "every field is ours");
        first += field.name == names.front() ? 1 : 0;
    }
    fuzz::require(first == count_of_first, "no field is doubled");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t flags = input.number();
    std::string_view rest = input.rest();
    Bounce bounce;
    bounce.hostname = next(rest);
    bounce.sender = next(rest);
    bounce.envelope_id = next(rest);
    bounce.message_id = next(rest);
    bounce.queue_id = next(rest);
    bounce.smtputf8 = (flags & 1U) != 0;
    bounce.return_full = (flags & 2U) != 0;
    bounce.random = flags;
    const std::size_t recipients = 1 + (flags >> 6U);
    for (std::size_t i = 0; i < recipients; ++i) {
        BounceRecipient recipient;
        recipient.address = next(rest);
        recipient.original_recipient = next(rest);
        recipient.remote_host = next(rest);
        recipient.action = static_cast<BounceAction>((flags >> 2U) + i & 3U);
        recipient.reply = Reply((flags & 16U) != 0 ? 550 : 0, std::string(next(rest)));
        if ((flags & 32U) != 0) recipient.retry_until = from_unix_ms(1000);
        bounce.recipients.push_back(std::move(recipient));
    }
    bounce.original = rest;
    bounce.header_size = fuzz::read_header(rest).size;

    const BuiltBounce built = build_bounce(bounce);
    const std::string_view content = built.content;
    check_lines(content);
    const bool ascii =
        std::ranges::all_of(content, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    fuzz::require(built.eight_bit == !ascii, "8-bit octets are declared");
    check_fields(content.substr(0, built.header_size), kHeaderNames, 1);

    const std::size_t at = content.substr(0, built.header_size).rfind("boundary=\"") + 10;
    const std::string boundary = "\r\n--" + std::string(content.substr(at, content.find('"', at) - at));
    std::size_t delimiters = 0;
    std::string_view body = content.substr(built.header_size - 2);
    std::string_view status;
    for (std::size_t found = body.find(boundary); found != std::string_view::npos;
         found = body.find(boundary)) {
        ++delimiters;
        if (delimiters == 3) status = body.substr(0, found + 2);
        body.remove_prefix(found + boundary.size());
    }
    fuzz::require(delimiters == (rest.empty() ? 3U : 4U), "there are as many parts as were meant");
    fuzz::require(body == "--\r\n", "nothing follows the last boundary");

    // The status part: its MIME header, the fields of the message, those of each recipient.
    status.remove_prefix(2);
    status.remove_prefix(fuzz::read_header(status).size);
    for (std::size_t group = 0; group <= recipients; ++group) {
        const std::size_t end = fuzz::read_header(status).size;
        check_fields(status.substr(0, end), kStatusNames, group == 0 ? 1 : 0);
        status.remove_prefix(end);
    }
    fuzz::require(status.empty(), "no recipient is made up");
    return 0;
}
