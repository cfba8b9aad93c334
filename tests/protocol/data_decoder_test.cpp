#include "protocol/data_decoder.h"

#include "splits.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace posthouse::protocol {
namespace {

using namespace std::string_view_literals;
using testing::all_splits;
using testing::Pieces;

struct Decoded {
    bool done = false;
    bool bare = false;
    std::string content;
    std::string rest;  // behind the end of data
    std::uint64_t octets = 0;
    std::uint64_t nul_octets = 0;

    friend bool operator==(const Decoded&, const Decoded&) = default;
};

std::ostream& operator<<(std::ostream& out, const Decoded& decoded) {
    return out << "done=" << decoded.done << " bare=" << decoded.bare
               << " content=" << ::testing::PrintToString(decoded.content)
               << " rest=" << ::testing::PrintToString(decoded.rest);
}

Decoded decode(const Pieces& pieces, BareNewlines policy) {
    DataDecoder decoder(policy);
    Decoded result;
    for (std::string_view piece : pieces) {
        while (!piece.empty() && !decoder.done()) {
            const auto step = decoder.step(piece);
            piece.remove_prefix(step.consumed);
            result.content += step.content;
        }
        result.rest += piece;
    }
    result.done = decoder.done();
    result.bare = decoder.bare_newline();
    result.octets = decoder.octets();
    result.nul_octets = decoder.nul_octets();
    return result;
}

Decoded decode(std::string_view input, BareNewlines policy) {
    const Decoded whole = decode(Pieces{input}, policy);
    for (const Pieces& pieces : all_splits(input))
        EXPECT_EQ(decode(pieces, policy), whole);
    EXPECT_EQ(whole.octets, whole.content.size());
    return whole;
}

struct Case {
    std::string_view name;
    std::string_view input;
    bool done;
    std::string_view content;
};

class WellFormedData : public ::testing::TestWithParam<Case> {};

TEST_P(WellFormedData, IsDecodedAlikeUnderBothPolicies) {
    for (const BareNewlines policy : {BareNewlines::Reject, BareNewlines::Normalize}) {
        const Decoded decoded = decode(GetParam().input, policy);
        EXPECT_EQ(decoded.done, GetParam().done);
        EXPECT_EQ(decoded.content, GetParam().content);
        EXPECT_FALSE(decoded.bare);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Table, WellFormedData,
    ::testing::Values(Case{"Empty", ".\r\n"sv, true, ""sv}, Case{"EmptyLine", "\r\n.\r\n"sv, true, "\r\n"sv},
                      Case{"OneLine", "a\r\n.\r\n"sv, true, "a\r\n"sv},
                      Case{"StuffedDot", "..\r\n.\r\n"sv, true, ".\r\n"sv},
                      Case{"StuffedLine", "a\r\n..b\r\n.\r\n"sv, true, "a\r\n.b\r\n"sv},
                      Case{"ThreeDots", "...\r\n.\r\n"sv, true, "..\r\n"sv},
                      Case{"UnstuffedDotLine", ".b\r\n.\r\n"sv, true, "b\r\n"sv},
                      Case{"DotInTheMiddle", "a.\r\nb.c\r\n.\r\n"sv, true, "a.\r\nb.c\r\n"sv},
                      Case{"DotSpace", ". \r\n.\r\n"sv, true, " \r\n"sv},
                      Case{"ManyEmptyLines", "\r\n\r\n\r\n.\r\n"sv, true, "\r\n\r\n\r\n"sv},
                      Case{"EightBit", "\xc3\xa9\xff\r\n.\r\n"sv, true, "\xc3\xa9\xff\r\n"sv},
                      Case{"NoEndYet", "a\r\n.\r"sv, false, "a\r\n"sv},
                      Case{"NoDotYet", "a\r\n"sv, false, "a\r\n"sv}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(DataDecoder, LeavesWhatStandsBehindTheEnd) {
    const Decoded decoded = decode("a\r\n.\r\nQUIT\r\n", BareNewlines::Reject);
    EXPECT_TRUE(decoded.done);
    EXPECT_EQ(decoded.rest, "QUIT\r\n");
}

TEST(DataDecoder, PassesAndCountsNul) {
    const Decoded decoded = decode("a\0b\0\r\n.\r\n"sv, BareNewlines::Reject);
    EXPECT_TRUE(decoded.done);
    EXPECT_EQ(decoded.content, "a\0b\0\r\n"sv);
    EXPECT_EQ(decoded.nul_octets, 2U);
}

TEST(DataDecoder, GivesAMessageWithoutLeadingDotsInOneUncopiedPiece) {
    const std::string_view input = "Subject: x\r\n\r\nline one\r\nline two.\r\n.\r\n";
    DataDecoder decoder(BareNewlines::Reject);
    const auto step = decoder.step(input);
    EXPECT_EQ(step.content.data(), input.data());
    EXPECT_EQ(step.content.size(), input.size() - 3);
}

// Every way of writing an end of data that some server has taken for one: 5 ways to end the line before the
// dot, x 6 ways to end the line with the dot, and oddities. `normalized` is what the content becomes, with
// `tail` behind it.
struct Smuggled {
    std::string_view name;
    std::string_view sequence;
    std::string_view normalized;
};

constexpr std::string_view kTail = "MAIL FROM:<x@example.org>\r\n";

class SmuggledEnd : public ::testing::TestWithParam<Smuggled> {};

TEST_P(SmuggledEnd, DoesNotEndTheData) {
    const std::string input =
        "a" + std::string(GetParam().sequence) + std::string(kTail) + "\r\n.\r\nQUIT\r\n";

    const Decoded normalized = decode(input, BareNewlines::Normalize);
    EXPECT_TRUE(normalized.done);
    EXPECT_EQ(normalized.rest, "QUIT\r\n") << "the data ended early";
    EXPECT_EQ(normalized.content, "a" + std::string(GetParam().normalized) + std::string(kTail) + "\r\n");

    const Decoded rejected = decode(input, BareNewlines::Reject);
    EXPECT_TRUE(rejected.done);
    EXPECT_TRUE(rejected.bare);
    EXPECT_EQ(rejected.rest, "QUIT\r\n") << "the data ended early";
    EXPECT_EQ(rejected.content.find("MAIL"), std::string::npos) << "content behind the fault was given out";
}

INSTANTIATE_TEST_SUITE_P(
    Table, SmuggledEnd,
    ::testing::Values(
        Smuggled{"Lf_Lf", "\n.\n"sv, "\r\n.\r\n"sv}, Smuggled{"Lf_CrLf", "\n.\r\n"sv, "\r\n.\r\n"sv},
        Smuggled{"Lf_Cr", "\n.\r"sv, "\r\n.\r\n"sv}, Smuggled{"Lf_CrCrLf", "\n.\r\r\n"sv, "\r\n.\r\n\r\n"sv},
        Smuggled{"Lf_LfCr", "\n.\n\r"sv, "\r\n.\r\n\r\n"sv},
        Smuggled{"Lf_CrCr", "\n.\r\r"sv, "\r\n.\r\n\r\n"sv}, Smuggled{"Cr_Lf", "\r.\n"sv, "\r\n.\r\n"sv},
        Smuggled{"Cr_CrLf", "\r.\r\n"sv, "\r\n.\r\n"sv}, Smuggled{"Cr_Cr", "\r.\r"sv, "\r\n.\r\n"sv},
        Smuggled{"Cr_CrCrLf", "\r.\r\r\n"sv, "\r\n.\r\n\r\n"sv},
        Smuggled{"Cr_LfCr", "\r.\n\r"sv, "\r\n.\r\n\r\n"sv},
        Smuggled{"Cr_CrCr", "\r.\r\r"sv, "\r\n.\r\n\r\n"sv}, Smuggled{"CrLf_Lf", "\r\n.\n"sv, "\r\n\r\n"sv},
        Smuggled{"CrLf_Cr", "\r\n.\r"sv, "\r\n\r\n"sv},
        Smuggled{"CrLf_CrCrLf", "\r\n.\r\r\n"sv, "\r\n\r\n\r\n"sv},
        Smuggled{"CrLf_LfCr", "\r\n.\n\r"sv, "\r\n\r\n\r\n"sv},
        Smuggled{"CrLf_CrCr", "\r\n.\r\r"sv, "\r\n\r\n\r\n"sv},
        Smuggled{"CrLf_CrCrCrLf", "\r\n.\r\r\r\n"sv, "\r\n\r\n\r\n\r\n"sv},
        Smuggled{"CrLf_LfLf", "\r\n.\n\n"sv, "\r\n\r\n\r\n"sv},
        Smuggled{"CrLf_LfCrLf", "\r\n.\n\r\n"sv, "\r\n\r\n\r\n"sv},
        Smuggled{"LfCr_Lf", "\n\r.\n"sv, "\r\n\r\n.\r\n"sv},
        Smuggled{"LfCr_CrLf", "\n\r.\r\n"sv, "\r\n\r\n.\r\n"sv},
        Smuggled{"LfCr_Cr", "\n\r.\r"sv, "\r\n\r\n.\r\n"sv},
        Smuggled{"LfCr_LfCr", "\n\r.\n\r"sv, "\r\n\r\n.\r\n\r\n"sv},
        Smuggled{"LfCr_CrCrLf", "\n\r.\r\r\n"sv, "\r\n\r\n.\r\n\r\n"sv},
        Smuggled{"CrCrLf_Lf", "\r\r\n.\n"sv, "\r\n\r\n\r\n"sv},
        Smuggled{"CrCrLf_Cr", "\r\r\n.\r"sv, "\r\n\r\n\r\n"sv},
        Smuggled{"CrCrLf_CrCrLf", "\r\r\n.\r\r\n"sv, "\r\n\r\n\r\n\r\n"sv},
        Smuggled{"CrCrLf_LfCr", "\r\r\n.\n\r"sv, "\r\n\r\n\r\n\r\n"sv},
        Smuggled{"CrCr_CrLf", "\r\r.\r\n"sv, "\r\n\r\n.\r\n"sv},
        Smuggled{"CrCr_Lf", "\r\r.\n"sv, "\r\n\r\n.\r\n"sv},
        Smuggled{"CrCr_CrCr", "\r\r.\r\r"sv, "\r\n\r\n.\r\n\r\n"sv},
        Smuggled{"LfLf_LfLf", "\n\n.\n\n"sv, "\r\n\r\n.\r\n\r\n"sv},
        Smuggled{"LfLf_CrLf", "\n\n.\r\n"sv, "\r\n\r\n.\r\n"sv},
        Smuggled{"CrLfLf_CrLf", "\r\n\n.\r\n"sv, "\r\n\r\n.\r\n"sv},
        Smuggled{"CrLfCr_CrLf", "\r\n\r.\r\n"sv, "\r\n\r\n.\r\n"sv},
        Smuggled{"CrLfCr_Lf", "\r\n\r.\n"sv, "\r\n\r\n.\r\n"sv},
        Smuggled{"LfLf_Lf", "\n\n.\n"sv, "\r\n\r\n.\r\n"sv},
        Smuggled{"Cr_LfLf", "\r.\n\n"sv, "\r\n.\r\n\r\n"sv},
        Smuggled{"NulAfterCr", "\r\0\n.\r\n"sv, "\r\n\0\r\n.\r\n"sv},
        Smuggled{"NulBeforeDot", "\n\0.\r\n"sv, "\r\n\0.\r\n"sv},
        Smuggled{"NulInEnd", "\r\n.\r\0\n"sv, "\r\n\r\n\0\r\n"sv},
        Smuggled{"NulAfterDotLf", "\r\n.\0\n"sv, "\r\n\0\r\n"sv},
        Smuggled{"NulAfterDotCr", "\r\n.\0\r"sv, "\r\n\0\r\n"sv},
        Smuggled{"LfDotNul", "\n.\0\r\n"sv, "\r\n.\0\r\n"sv},
        Smuggled{"SpaceAfterDotLf", "\r\n. \n"sv, "\r\n \r\n"sv},
        Smuggled{"TabAfterDotCr", "\r\n.\t\r"sv, "\r\n\t\r\n"sv},
        Smuggled{"DotDotLf", "\r\n..\n"sv, "\r\n.\r\n"sv},
        Smuggled{"LfDotDotCrLf", "\n..\r\n"sv, "\r\n..\r\n"sv},
        Smuggled{"VerticalTab", "\n.\v\r\n"sv, "\r\n.\v\r\n"sv}, Smuggled{"LoneLf", "\n"sv, "\r\n"sv},
        Smuggled{"LoneCr", "\r"sv, "\r\n"sv}, Smuggled{"CrAtLineStart", "\r\n\r"sv, "\r\n\r\n"sv},
        Smuggled{"LfAtLineStart", "\r\n\n"sv, "\r\n\r\n"sv},
        Smuggled{"FourCr", "\r\r\r\r"sv, "\r\n\r\n\r\n\r\n"sv},
        Smuggled{"LfDotLfDotCrLf", "\n.\n.\r\n"sv, "\r\n.\r\n.\r\n"sv}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(DataDecoder, EndsAtCrLfDotCrLfWhateverStandsBeforeIt) {
    // The five octets are there, so RFC 5321 4.1.1.4 ends the data; the bare octet before them is still a
    // fault.
    for (const std::string_view before : {"a\r"sv, "a\n"sv, "a\n."sv, "a\r\r"sv, "\0\n"sv}) {
        const std::string input = std::string(before) + "\r\n.\r\nQUIT\r\n";
        const Decoded decoded = decode(input, BareNewlines::Reject);
        EXPECT_TRUE(decoded.done);
        EXPECT_TRUE(decoded.bare);
        EXPECT_EQ(decoded.rest, "QUIT\r\n");
    }
}

TEST(DataDecoder, GivesTheContentBeforeTheFaultAndNothingAfter) {
    EXPECT_EQ(decode("one\r\ntwo\nthree\r\n.\r\n", BareNewlines::Reject).content, "one\r\ntwo");
    EXPECT_EQ(decode("one\r\ntwo\rthree\r\n.\r\n", BareNewlines::Reject).content, "one\r\ntwo");
}

// A reference that is too simple to be wrong: find CRLF.CRLF, then look at lines.
TEST(DataDecoder, AgreesWithTheDefinitionOnAllShortInputs) {
    constexpr std::string_view kLetters = "\r\n.a";
    constexpr std::size_t kLength = 7;
    std::size_t ends = 0;
    for (std::size_t number = 0; number < (1U << (2 * kLength)); ++number) {
        std::string input;
        for (std::size_t i = 0; i < kLength; ++i)
            input += kLetters[(number >> (2 * i)) & 3U];
        const std::size_t end = ("\r\n" + input).find("\r\n.\r\n");
        const Decoded whole = decode(Pieces{input}, BareNewlines::Normalize);
        ASSERT_EQ(whole.done, end != std::string::npos) << ::testing::PrintToString(input);
        ASSERT_EQ(decode(testing::octet_by_octet(input), BareNewlines::Normalize), whole);
        if (whole.done) {
            ++ends;
            ASSERT_EQ(whole.rest, input.substr(end + 3)) << ::testing::PrintToString(input);
        }
    }
    EXPECT_GT(ends, 0U);
}

}  // namespace
}  // namespace posthouse::protocol
