// Replies from an upstream: every cut gives the same replies and fault; their text is bounded and cannot
// steer a terminal; what we would write of them is well formed and reads back.
#include "fuzz_input.h"
#include "protocol/extensions.h"
#include "protocol/reply_parser.h"
#include "protocol/utf8.h"

#include <algorithm>
#include <optional>
#include <string>

using namespace posthouse;
using namespace posthouse::protocol;

namespace {

struct Parsed {
    std::vector<Reply> replies;
    std::optional<ReplyFault> fault;

    friend bool operator==(const Parsed&, const Parsed&) = default;
};

Parsed parse(const std::vector<std::string_view>& pieces) {
    ReplyParser parser;
    Parsed result;
    for (const std::string_view piece : pieces) {
        parser.feed(piece);
        while (!result.fault) {
            const auto next = parser.next();
            if (!next) break;
            if (*next) {
                result.replies.push_back(**next);
            } else {
                result.fault = next->error();
            }
        }
    }
    return result;
}

void check(const Reply& reply) {
    fuzz::require(reply.code >= 200 && reply.code <= 599, "the code is a reply code");
    fuzz::require(!reply.enhanced || reply.enhanced->klass == reply.code / 100, "the classes agree");
    fuzz::require(reply.text.size() <= ReplyParser::kMaxReply + ReplyParser::kMaxLines,
                  "the text is bounded");
    const auto steers = [](char c) {
        const auto octet = static_cast<unsigned char>(c);
        return (octet < 0x20 && c != '\n') || octet == 0x7F;
    };
    fuzz::require(std::none_of(reply.text.begin(), reply.text.end(), steers), "no control octets");

    const std::string line = to_line(reply);
    fuzz::require(is_valid_utf8(line) && !has_control_characters(line), "the line for logs is printable");
    fuzz::require(to_rule_subject(reply).find('\n') == std::string::npos, "the subject of rules is one line");

    const std::string wire = to_wire(reply);
    std::string_view rest = wire;
    while (!rest.empty()) {
        const std::size_t end = rest.find("\r\n");
        fuzz::require(end != std::string_view::npos && end + 2 <= 512, "lines of at most 512 octets");
        rest.remove_prefix(end + 2);
    }
    (void)parse_ehlo_reply(reply);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t seed = input.number();
    const Parsed whole = parse({input.rest()});
    fuzz::require(parse(fuzz::cut(input.rest(), seed)) == whole, "every cut gives the same replies");
    fuzz::require(parse(fuzz::cut(input.rest(), 0)) == whole, "octet by octet gives the same replies");
    for (const Reply& reply : whole.replies)
        check(reply);
    return 0;
}
