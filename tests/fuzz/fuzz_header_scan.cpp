// Header scan: the same for every cut, and the same as reading the header whole and line by line.
#include "fuzz_input.h"
#include "plain_header.h"
#include "protocol/header_scan.h"

#include <string>
#include <vector>

using namespace posthouse;
using namespace posthouse::protocol;

namespace {

struct Found {
    std::uint64_t header_size = 0;
    bool broken_off = false, eight_bit_header = false, eight_bit_body = false;
    std::vector<std::string> values;
    std::vector<std::uint32_t> counts;
    std::vector<HeaderRange> ranges;

    friend bool operator==(const Found&, const Found&) = default;
};

Found scan(const std::vector<std::string_view>& pieces) {
    HeaderScan walk;
    std::uint64_t certain = 0;
    for (const std::string_view piece : pieces) {
        walk.feed(piece);
        fuzz::require(walk.header_size() >= certain, "what is certain to be header only grows");
        certain = walk.header_size();
    }
    walk.finish();
    fuzz::require(walk.header_complete(), "the header is complete at the end");
    Found found{
        walk.header_size(), walk.broken_off(), walk.eight_bit_header(), walk.eight_bit_body(), {}, {}, {}};
    for (std::size_t i = 0; i < kHeaderFields; ++i) {
        const auto field = static_cast<HeaderField>(i);
        found.values.emplace_back(walk.value(field));
        found.counts.push_back(walk.count(field));
        fuzz::require(walk.value(field).size() <= HeaderScan::kMaxValue, "values are bounded");
    }
    found.ranges = walk.ranges();
    return found;
}

bool has_eight_bit(std::string_view text) {
    for (const char c : text) {
        if (static_cast<unsigned char>(c) >= 0x80) return true;
    }
    return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t seed = input.number();
    const std::string_view text = input.rest();
    const Found whole = scan({text});
    fuzz::require(scan(fuzz::cut(text, seed)) == whole, "every cut gives the same");
    fuzz::require(scan(fuzz::cut(text, 0)) == whole, "octet by octet gives the same");

    const fuzz::PlainHeader plain = fuzz::read_header(text);
    fuzz::require(whole.header_size == plain.size, "the header ends where it does");
    fuzz::require(whole.broken_off == plain.broken_off, "a broken header is noticed");
    fuzz::require(whole.eight_bit_header == has_eight_bit(text.substr(0, plain.size)),
                  "8-bit headers are noticed");
    fuzz::require(whole.eight_bit_body == has_eight_bit(text.substr(plain.size)), "8-bit bodies are noticed");
    std::uint32_t received = 0;
    std::uint32_t from = 0;
    std::uint64_t bcc_octets = 0;
    for (const fuzz::PlainField& field : plain.fields) {
        received += field.name == "received" ? 1 : 0;
        from += field.name == "from" ? 1 : 0;
        if (field.name == "bcc" || field.name == "resent-bcc") bcc_octets += field.size;
    }
    fuzz::require(whole.counts[static_cast<std::size_t>(HeaderField::Received)] == received,
                  "Received is counted");
    fuzz::require(whole.counts[static_cast<std::size_t>(HeaderField::From)] == from, "From is counted");
    std::uint64_t located = 0;
    for (const HeaderRange& range : whole.ranges)
        located += range.size;
    fuzz::require(whole.ranges.size() == HeaderScan::kMaxRanges || located == bcc_octets,
                  "every Bcc is located");
    return 0;
}
