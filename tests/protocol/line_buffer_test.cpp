#include "protocol/line_buffer.h"

#include "splits.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace posthouse::protocol {
namespace {

using namespace std::string_view_literals;
using testing::Pieces;

struct Seen {
    std::string text;
    bool too_long = false;
    bool bare_newline = false;

    friend bool operator==(const Seen&, const Seen&) = default;
};

std::ostream& operator<<(std::ostream& out, const Seen& seen) {
    return out << ::testing::PrintToString(seen.text) << " too_long=" << seen.too_long
               << " bare=" << seen.bare_newline;
}

std::vector<Seen> lines_of(const Pieces& pieces, std::size_t cap) {
    LineBuffer buffer(cap);
    std::vector<Seen> lines;
    for (const std::string_view piece : pieces) {
        buffer.append(piece);
        while (const auto line = buffer.next_line()) {
            lines.push_back({std::string(line->text), line->too_long, line->bare_newline});
        }
    }
    return lines;
}

struct Case {
    std::string_view name;
    std::string_view input;
    std::vector<Seen> lines;  // with a cap of 10 octets
};

class BufferedLines : public ::testing::TestWithParam<Case> {};

TEST_P(BufferedLines, AreTheSameHoweverTheyAreCut) {
    for (const Pieces& pieces : testing::all_splits(GetParam().input)) {
        EXPECT_EQ(lines_of(pieces, 10), GetParam().lines);
    }
}

const Seen kTooLong{"", true, false};

INSTANTIATE_TEST_SUITE_P(
    Table, BufferedLines,
    ::testing::Values(Case{"Nothing", "", {}}, Case{"Unfinished", "NOOP", {}}, Case{"OnlyCr", "NOOP\r", {}},
                      Case{"One", "NOOP\r\n", {{"NOOP"}}},
                      Case{"Two", "NOOP\r\nQUIT\r\n", {{"NOOP"}, {"QUIT"}}}, Case{"Empty", "\r\n", {{""}}},
                      Case{"FillsTheCap", "12345678\r\n", {{"12345678"}}},
                      Case{"OneTooMany", "123456789\r\nok\r\n", {kTooLong, {"ok"}}},
                      Case{"FarTooLong", "1234567890123456789012345\r\nok\r\n", {kTooLong, {"ok"}}},
                      Case{"TooLongWithoutEnd", "1234567890123456789012345", {kTooLong}},
                      Case{"TooLongWithCr", "12345678901234\r12345\r\r\nok\r\n", {kTooLong, {"ok"}}},
                      Case{"TooLongWithLf", "1234\n56789012345\n67\r\nok\r\n", {kTooLong, {"ok"}}},
                      Case{"BareLf", "a\nb\r\nok\r\n", {{"a\nb", false, true}, {"ok"}}},
                      Case{"BareCr", "a\rb\r\nok\r\n", {{"a\rb", false, true}, {"ok"}}},
                      Case{"CrCrLf", "a\r\r\nok\r\n", {{"a\r", false, true}, {"ok"}}},
                      Case{"LfFirst", "\nab\r\nok\r\n", {{"\nab", false, true}, {"ok"}}},
                      Case{
                          "TwoTooLong", "12345678901\r\n12345678901\r\nok\r\n", {kTooLong, kTooLong, {"ok"}}},
                      Case{"Nul", "a\0b\r\n"sv, {{std::string("a\0b"sv)}}}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(LineBuffer, GivesRawAccessBetweenLines) {
    LineBuffer buffer(100);
    buffer.append("BDAT 5\r\n12\r\n3NOOP\r\n");
    ASSERT_EQ(buffer.next_line()->text, "BDAT 5");
    EXPECT_EQ(buffer.take(3), "12\r");
    EXPECT_EQ(buffer.buffered(), "\n3NOOP\r\n");
    buffer.consume(2);
    EXPECT_EQ(buffer.next_line()->text, "NOOP");
    EXPECT_TRUE(buffer.empty());
    EXPECT_EQ(buffer.take(10), "");
}

TEST(LineBuffer, ForgetsEverythingWhenCleared) {
    LineBuffer buffer(10);
    buffer.append("STARTTLS\r\nMAIL FROM:<injected@example.org>\r\nRC");
    EXPECT_EQ(buffer.next_line()->text, "STARTTLS");
    ASSERT_TRUE(buffer.next_line()->too_long);
    buffer.clear();
    EXPECT_TRUE(buffer.empty());
    buffer.append("EHLO x\r\n");
    EXPECT_EQ(buffer.next_line()->text, "EHLO x");
}

TEST(LineBuffer, HoldsNoMoreThanOneAppendOfAnEndlessLine) {
    LineBuffer buffer(100);
    const std::string piece(4096, 'x');
    std::size_t reports = 0;
    for (int i = 0; i < 1000; ++i) {
        buffer.append(piece);
        while (const auto line = buffer.next_line())
            reports += line->too_long ? 1U : 0U;
        ASSERT_LE(buffer.buffered().size(), 1U);
    }
    EXPECT_EQ(reports, 1U);
}

TEST(LineBuffer, WipesConsumedOctets) {
    LineBuffer buffer(100);
    buffer.append("secret\r\nnext\r\n");
    const std::string_view text = buffer.next_line()->text;
    ASSERT_EQ(text, "secret");
    buffer.wipe_consumed();
    EXPECT_EQ(text, "\0\0\0\0\0\0"sv);
    EXPECT_EQ(buffer.next_line()->text, "next");
}

}  // namespace
}  // namespace posthouse::protocol
