#include "protocol/header_scan.h"
#include "tests/protocol/splits.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace posthouse::protocol {
namespace {

HeaderScan scan(const testing::Pieces& pieces) {
    HeaderScan found;
    for (const std::string_view piece : pieces)
        found.feed(piece);
    found.finish();
    return found;
}

TEST(HeaderScan, KeepsTheValuesOfKnownFields) {
    const HeaderScan found =
        scan({"Received: a\r\nRECEIVED: b\r\nFrom: \"A B\"\r\n\t<a@example.org> \r\n"
              "Message-Id:<1@x>\r\nsubject: one\r\nSubject: two\r\n\r\nTo: body@x\r\n"});
    EXPECT_EQ(found.count(HeaderField::Received), 2U);
    EXPECT_EQ(found.value(HeaderField::From), "\"A B\"\t<a@example.org>");
    EXPECT_EQ(found.value(HeaderField::MessageId), "<1@x>");
    EXPECT_EQ(found.value(HeaderField::Subject), "one");
    EXPECT_EQ(found.count(HeaderField::Subject), 2U);
    EXPECT_FALSE(found.has(HeaderField::To));
    EXPECT_FALSE(found.has(HeaderField::Date));
    EXPECT_TRUE(found.value(HeaderField::Date).empty());
}

struct EndCase {
    const char* name;
    std::string_view content;
    std::size_t header_size;
    bool broken_off;
};

class HeaderScanEnd : public ::testing::TestWithParam<EndCase> {};

TEST_P(HeaderScanEnd, IsFoundWhateverTheSplit) {
    for (const testing::Pieces& pieces : testing::all_splits(GetParam().content)) {
        const HeaderScan found = scan(pieces);
        EXPECT_EQ(found.header_size(), GetParam().header_size);
        EXPECT_EQ(found.broken_off(), GetParam().broken_off);
        EXPECT_EQ(found.size(), GetParam().content.size());
    }
}

INSTANTIATE_TEST_SUITE_P(
    Ends, HeaderScanEnd,
    ::testing::Values(EndCase{"Empty", "", 0, false}, EndCase{"EmptyLineFirst", "\r\nbody\r\n", 2, false},
                      EndCase{"Usual", "A: b\r\n\r\nbody", 8, false},
                      EndCase{"NoEmptyLine", "A: b\r\n", 6, false}, EndCase{"NoLineEnd", "A: b", 4, false},
                      EndCase{"NoColon", "hello world\r\nA: b\r\n\r\n", 0, true},
                      EndCase{"BrokenOff", "A: b\r\nhello world\r\nB: c\r\n\r\n", 6, true},
                      EndCase{"EndsInsideAName", "A: b\r\nhello", 6, true},
                      EndCase{"ContinuationFirst", " A: b\r\n\r\n", 0, true},
                      EndCase{"BareLfIsNoLineEnd", "A: b\n\nc\r\n\r\nd", 11, false},
                      EndCase{"BareCrLineIsNoEmptyLine", "A: b\r\n\rx\r\n", 6, true},
                      EndCase{"FoldedOverWhiteLine", "A: b\r\n \r\n c\r\n\r\nx", 15, false},
                      EndCase{"WhiteBeforeColon", "A \t: b\r\n\r\n", 10, false},
                      EndCase{"EightBitName", "A\xC3\xA4: b\r\n\r\n", 0, true},
                      EndCase{"ColonFirst", ": b\r\n\r\n", 0, true},
                      EndCase{"MboxLine", "From a@x Thu Jan  1 00:00:00 1970\r\nA: b\r\n\r\n", 0, true}),
    [](const auto& instance) { return instance.param.name; });

TEST(HeaderScan, TakesALineOfNameCharactersWithoutEndForBody) {
    HeaderScan found;
    for (int i = 0; i < 300; ++i)
        found.feed("xxxxxxxxxx");
    EXPECT_TRUE(found.header_complete());
    EXPECT_TRUE(found.broken_off());
    EXPECT_EQ(found.header_size(), 0U);
}

TEST(HeaderScan, TellsEightBitHeadersFromEightBitBodies) {
    const HeaderScan header = scan({"Subject: \xC3\xA4\r\n\r\nbody"});
    EXPECT_TRUE(header.eight_bit_header());
    EXPECT_FALSE(header.eight_bit_body());
    for (std::size_t at = 0; at < 200; ++at) {
        std::string body(200, 'x');
        body[at] = '\x80';
        const HeaderScan found = scan({"Subject: a\r\n\r\n", body});
        EXPECT_FALSE(found.eight_bit_header());
        EXPECT_TRUE(found.eight_bit_body()) << at;
    }
}

TEST(HeaderScan, LocatesBccFieldsWithTheirContinuations) {
    const std::string_view content =
        "To: a@x\r\nBcc: b@x,\r\n c@x\r\nbcc : d@x\r\nSubject: s\r\nResent-Bcc:\r\n\r\nBcc: body\r\n";
    for (const testing::Pieces& pieces : testing::all_splits(content)) {
        const HeaderScan found = scan(pieces);
        const std::vector<HeaderRange> expected{{9, 28}, {49, 13}};
        EXPECT_EQ(found.ranges(), expected);
    }
}

TEST(HeaderScan, BoundsWhatItKeeps) {
    std::string content;
    for (std::size_t i = 0; i <= HeaderScan::kMaxRanges; ++i)
        content += "Bcc: a@x\r\nX: y\r\n";
    content += "Subject: " + std::string(100000, 's') + "\r\n\r\n";
    const HeaderScan found = scan({content});
    EXPECT_TRUE(found.too_many_ranges());
    EXPECT_EQ(found.ranges().size(), HeaderScan::kMaxRanges);
    EXPECT_EQ(found.value(HeaderField::Subject).size(), HeaderScan::kMaxValue - 1);  // the space is trimmed
}

}  // namespace
}  // namespace posthouse::protocol
