#include "protocol/data_encoder.h"

#include "protocol/data_decoder.h"
#include "splits.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace posthouse::protocol {
namespace {

using namespace std::string_view_literals;
using testing::Pieces;

std::string encode(const Pieces& pieces) {
    DataEncoder encoder;
    std::string out;
    for (const std::string_view piece : pieces)
        encoder.append(piece, out);
    out += encoder.finish();
    return out;
}

struct Case {
    std::string_view name;
    std::string_view content;
    std::string_view wire;
};

class EncodedContent : public ::testing::TestWithParam<Case> {};

TEST_P(EncodedContent, IsTheSameHoweverItIsCut) {
    for (const Pieces& pieces : testing::all_splits(GetParam().content))
        EXPECT_EQ(encode(pieces), GetParam().wire);
}

INSTANTIATE_TEST_SUITE_P(
    Table, EncodedContent,
    ::testing::Values(Case{"Empty", ""sv, ".\r\n"sv}, Case{"Line", "a\r\n"sv, "a\r\n.\r\n"sv},
                      Case{"NoLastLineEnd", "a"sv, "a\r\n.\r\n"sv}, Case{"Dot", "."sv, "..\r\n.\r\n"sv},
                      Case{"DotLine", ".\r\n"sv, "..\r\n.\r\n"sv},
                      Case{"DotsAtLineStarts", "a\r\n.b\r\n..c\r\n"sv, "a\r\n..b\r\n...c\r\n.\r\n"sv},
                      Case{"DotsInLines", "a.\r\nb.c\r\n"sv, "a.\r\nb.c\r\n.\r\n"sv},
                      Case{"EmptyLines", "\r\n\r\n"sv, "\r\n\r\n.\r\n"sv},
                      Case{"SmuggledEndIsStuffed", "a\r\n.\r\nQUIT\r\n"sv, "a\r\n..\r\nQUIT\r\n.\r\n"sv},
                      Case{"BareLfBecomesCrLf", "a\nb"sv, "a\r\nb\r\n.\r\n"sv},
                      Case{"BareCrBecomesCrLf", "a\rb"sv, "a\r\nb\r\n.\r\n"sv},
                      Case{"BareLfDot", "a\n.\nb\r\n"sv, "a\r\n..\r\nb\r\n.\r\n"sv},
                      Case{"BareCrDot", "a\r.\rb\r\n"sv, "a\r\n..\r\nb\r\n.\r\n"sv},
                      Case{"CrCrLf", "a\r\r\n.\r\n"sv, "a\r\n\r\n..\r\n.\r\n"sv},
                      Case{"CrAtTheEnd", "a\r"sv, "a\r\n.\r\n"sv},
                      Case{"LfAtTheEnd", "a\n"sv, "a\r\n.\r\n"sv},
                      Case{"Nul", "a\0\r\n"sv, "a\0\r\n.\r\n"sv}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(DataEncoder, GivesAMessageWithoutLeadingDotsInOneUncopiedPiece) {
    const std::string_view content = "Subject: x\r\n\r\nline one.\r\nline two\r\n";
    DataEncoder encoder;
    std::vector<std::string_view> spans;
    encoder.for_each_span(content, [&](std::string_view span) { spans.push_back(span); });
    ASSERT_EQ(spans.size(), 1U);
    EXPECT_EQ(spans[0].data(), content.data());
    EXPECT_EQ(spans[0].size(), content.size());
    EXPECT_EQ(encoder.finish(), ".\r\n");
}

TEST(DataEncoder, IsUndoneByTheDecoder) {
    const std::string content = "a\r\n.\r\n..\r\n.b\r\n\r\n.\r\n";
    std::string wire = encode({content});
    std::string_view input = wire;
    DataDecoder decoder(BareNewlines::Reject);
    std::string decoded;
    while (!input.empty() && !decoder.done()) {
        const auto step = decoder.step(input);
        decoded += step.content;
        input.remove_prefix(step.consumed);
    }
    EXPECT_TRUE(decoder.done());
    EXPECT_TRUE(input.empty());
    EXPECT_EQ(decoded, content);
}

}  // namespace
}  // namespace posthouse::protocol
