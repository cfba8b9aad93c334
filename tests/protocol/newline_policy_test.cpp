#include "protocol/newline_policy.h"

#include "splits.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace posthouse::protocol {
namespace {

using namespace std::string_view_literals;
using testing::Pieces;

struct Result {
    std::string content;
    bool bare = false;
};

Result apply(const Pieces& pieces, BareNewlines how) {
    NewlinePolicy policy(how);
    Result result;
    for (std::string_view piece : pieces) {
        while (!piece.empty()) {
            const auto step = policy.step(piece);
            piece.remove_prefix(step.consumed);
            result.content += step.content;
        }
    }
    result.content += policy.finish();
    result.bare = policy.bare_newline();
    EXPECT_EQ(policy.octets(), result.content.size());
    return result;
}

struct Case {
    std::string_view name;
    std::string_view input;
    std::string_view normalized;
    std::string_view rejected;
    bool bare;
};

class ChunkedContent : public ::testing::TestWithParam<Case> {};

TEST_P(ChunkedContent, IsTheSameHoweverItIsCut) {
    for (const Pieces& pieces : testing::all_splits(GetParam().input)) {
        const Result normalized = apply(pieces, BareNewlines::Normalize);
        EXPECT_EQ(normalized.content, GetParam().normalized);
        EXPECT_EQ(normalized.bare, GetParam().bare);
        const Result rejected = apply(pieces, BareNewlines::Reject);
        EXPECT_EQ(rejected.content, GetParam().rejected);
        EXPECT_EQ(rejected.bare, GetParam().bare);
    }
}

INSTANTIATE_TEST_SUITE_P(Table, ChunkedContent,
                         ::testing::Values(Case{"Empty", ""sv, ""sv, ""sv, false},
                                           Case{"Line", "a\r\n"sv, "a\r\n"sv, "a\r\n"sv, false},
                                           Case{"NoLastLineEnd", "a\r\nb"sv, "a\r\nb\r\n"sv, "a\r\nb\r\n"sv,
                                                false},
                                           Case{"DotsStay", "..\r\n.\r\nQUIT\r\n"sv, "..\r\n.\r\nQUIT\r\n"sv,
                                                "..\r\n.\r\nQUIT\r\n"sv, false},
                                           Case{"BareLf", "a\nb\r\n"sv, "a\r\nb\r\n"sv, "a"sv, true},
                                           Case{"BareCr", "a\rb\r\n"sv, "a\r\nb\r\n"sv, "a"sv, true},
                                           Case{"CrCrLf", "a\r\r\n"sv, "a\r\n\r\n"sv, "a"sv, true},
                                           Case{"LfDotLf", "a\n.\nb"sv, "a\r\n.\r\nb\r\n"sv, "a"sv, true},
                                           Case{"CrAtTheEnd", "a\r"sv, "a\r\n"sv, "a"sv, true},
                                           Case{"LfAtTheEnd", "a\n"sv, "a\r\n"sv, "a"sv, true},
                                           Case{"LfAlone", "\n"sv, "\r\n"sv, ""sv, true},
                                           Case{"CrAlone", "\r"sv, "\r\n"sv, ""sv, true},
                                           Case{"Nul", "a\0b\r\n"sv, "a\0b\r\n"sv, "a\0b\r\n"sv, false}),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace posthouse::protocol
