// 7-bit conversion: for every cut the same, no octet above 127, no line longer than it was, exactly the
// surveyed size, and every part decodes to what it was before.
#include "fuzz_input.h"
#include "protocol/base64.h"
#include "protocol/mime_walk.h"
#include "protocol/seven_bit.h"

#include <algorithm>
#include <string>
#include <vector>

using namespace posthouse;
using namespace posthouse::protocol;

namespace {

struct Leaf {
    std::string encoding;
    std::string body;
};

struct Leaves final : MimeVisitor {
    std::vector<Leaf> found;
    std::size_t octets = 0;

    void on_part(const MimePart& part) override {
        octets += part.header.size();
        if (part.kind == PartKind::Multipart || part.kind == PartKind::Message) return;
        found.push_back({parse_transfer_encoding(part.scan.value(HeaderField::ContentTransferEncoding)), {}});
    }
    void on_body(std::string_view bytes) override {
        octets += bytes.size();
        fuzz::require(!found.empty(), "a body follows its header");
        found.back().body += bytes;
    }
    void on_part_end(bool /*at_end_of_content*/) override {}
    void on_filler(std::string_view bytes) override { octets += bytes.size(); }
    void on_boundary(std::string_view bytes) override { octets += bytes.size(); }
};

std::vector<Leaf> leaves(std::string_view content) {
    Leaves visitor;
    MimeWalk walk(visitor);
    walk.feed(content);
    walk.finish();
    fuzz::require(visitor.octets == content.size() || walk.header_too_long(), "every octet is reported once");
    return visitor.found;
}

int hex_value(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c - 'A' + 10;
}

std::string decode_quoted_printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        if (text.starts_with("=\r\n")) {
            text.remove_prefix(3);
        } else if (text.front() == '=') {
            fuzz::require(text.size() >= 3, "an escape is whole");
            out += static_cast<char>(hex_value(text[1]) * 16 + hex_value(text[2]));
            text.remove_prefix(3);
        } else {
            out += text.front();
            text.remove_prefix(1);
        }
    }
    return out;
}

std::string decode_base64(std::string text) {
    std::erase_if(text, [](char c) { return c == '\r' || c == '\n'; });
    const auto decoded = base64_decode(text);
    fuzz::require(decoded.has_value(), "base64 is well-formed");
    return *decoded;
}

std::size_t longest_line(std::string_view text) {
    std::size_t longest = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find("\r\n"), text.size());
        longest = std::max(longest, end);
        text.remove_prefix(std::min(end + 2, text.size()));
    }
    return longest;
}

Result<SevenBitPlan> survey(const std::vector<std::string_view>& pieces) {
    SevenBitSurvey walk;
    for (const std::string_view piece : pieces)
        walk.feed(piece);
    return walk.finish();
}

std::string convert(const std::vector<std::string_view>& pieces, const SevenBitPlan& plan) {
    std::string out;
    const auto sink = [&](std::string_view bytes) { out += bytes; };
    SevenBitConverter converter(plan);
    for (const std::string_view piece : pieces)
        converter.feed(piece, sink);
    fuzz::require(converter.finish(sink), "the conversion is what was surveyed");
    fuzz::require(out.size() == plan.size, "the size is what was surveyed");
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t seed = input.number();
    const std::string_view text = input.rest();
    const auto pieces = fuzz::cut(text, seed);
    const Result<SevenBitPlan> plan = survey({text});
    const Result<SevenBitPlan> cut_plan = survey(pieces);
    fuzz::require(plan.has_value() == cut_plan.has_value(), "every cut is refused alike");
    const std::vector<Leaf> before = leaves(text);
    if (!plan) return 0;
    fuzz::require(plan->parts == cut_plan->parts && plan->size == cut_plan->size,
                  "every cut has the same plan");

    const std::string out = convert({text}, *plan);
    fuzz::require(convert(pieces, *plan) == out, "every cut gives the same");
    fuzz::require(std::ranges::none_of(out, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }),
                  "the result is 7-bit");
    fuzz::require(longest_line(out) <= std::max<std::size_t>(longest_line(text), 78),
                  "no line becomes too long");

    const std::vector<Leaf> after = leaves(out);
    fuzz::require(after.size() == before.size() && plan->parts.size() == before.size(),
                  "the parts stay the same");
    for (std::size_t i = 0; i < after.size(); ++i) {
        switch (plan->parts[i]) {
            case PartConversion::Keep:
                fuzz::require(after[i].body == before[i].body, "a part that is kept does not change");
                break;
            case PartConversion::QuotedPrintable:
            case PartConversion::QuotedPrintableUtf8:
            case PartConversion::QuotedPrintableUnknown:
                fuzz::require(after[i].encoding == "quoted-printable", "text says how it is encoded");
                fuzz::require(decode_quoted_printable(after[i].body) == before[i].body, "text is restored");
                break;
            case PartConversion::Base64:
                fuzz::require(after[i].encoding == "base64", "data says how it is encoded");
                fuzz::require(decode_base64(after[i].body) == before[i].body, "data is restored");
                break;
        }
    }
    return 0;
}
