#include "protocol/reply_parser.h"

#include "splits.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace posthouse::protocol {
namespace {

using namespace std::string_view_literals;
using testing::Pieces;

struct Parsed {
    std::vector<Reply> replies;
    std::optional<ReplyFault> fault;
    bool leftover = false;

    friend bool operator==(const Parsed&, const Parsed&) = default;
};

std::ostream& operator<<(std::ostream& out, const Parsed& parsed) {
    for (const Reply& reply : parsed.replies)
        out << ::testing::PrintToString(to_line(reply)) << ' ';
    return out << (parsed.fault ? to_string(*parsed.fault) : "no fault"sv) << " leftover=" << parsed.leftover;
}

Parsed parse(const Pieces& pieces) {
    ReplyParser parser;
    Parsed result;
    for (const std::string_view piece : pieces) {
        parser.feed(piece);
        while (!result.fault) {
            auto next = parser.next();
            if (!next) break;
            if (*next) {
                result.replies.push_back(std::move(**next));
            } else {
                result.fault = next->error();
            }
        }
    }
    result.leftover = parser.has_leftover();
    return result;
}

Parsed parse(std::string_view input) {
    const Parsed whole = parse(Pieces{input});
    if (input.size() < 200) {
        for (const Pieces& pieces : testing::all_splits(input)) {
            const Parsed split = parse(pieces);
            EXPECT_EQ(split.replies, whole.replies);
            EXPECT_EQ(split.fault, whole.fault);
        }
    }
    return whole;
}

struct Good {
    std::string_view name;
    std::string_view input;
    std::vector<Reply> replies;
};

class GoodReply : public ::testing::TestWithParam<Good> {};

TEST_P(GoodReply, IsRead) {
    const Parsed parsed = parse(GetParam().input);
    EXPECT_EQ(parsed, (Parsed{GetParam().replies, std::nullopt, false}));
}

INSTANTIATE_TEST_SUITE_P(
    Table, GoodReply,
    ::testing::Values(
        Good{"Plain", "220 mx ESMTP\r\n", {Reply(220, "mx ESMTP")}},
        Good{"CodeOnly", "250\r\n", {Reply(250, "")}}, Good{"CodeAndSpace", "250 \r\n", {Reply(250, "")}},
        Good{"LfOnly", "250 ok\n", {Reply(250, "ok")}},
        Good{"Enhanced", "250 2.1.0 ok\r\n", {Reply(250, EnhancedCode{2, 1, 0}, "ok")}},
        Good{"EnhancedOnly", "250 2.1.0\r\n", {Reply(250, EnhancedCode{2, 1, 0}, "")}},
        Good{"EnhancedOfAnotherClass", "550 2.1.0 no\r\n", {Reply(550, "2.1.0 no")}},
        Good{"AddressIsNoEnhancedCode", "550 5.7.1.9 no\r\n", {Reply(550, "5.7.1.9 no")}},
        Good{"Lines", "250-mx\r\n250-SIZE 10\r\n250 DSN\r\n", {Reply(250, "mx\nSIZE 10\nDSN")}},
        Good{"EnhancedOnEveryLine",
             "535-5.7.8 Bad\r\n535-5.7.8\r\n535 5.7.8 login\r\n",
             {Reply(535, EnhancedCode{5, 7, 8}, "Bad\n\nlogin")}},
        Good{"AnotherEnhancedCodeStays",
             "550-5.7.1 a\r\n550 5.7.2 b\r\n",
             {Reply(550, EnhancedCode{5, 7, 1}, "a\n5.7.2 b")}},
        Good{"EnhancedOnlyOnTheSecondLine", "550-a\r\n550 5.7.2 b\r\n", {Reply(550, "a\n5.7.2 b")}},
        Good{"LastLineIsCodeOnly", "250-a\r\n250\r\n", {Reply(250, "a\n")}},
        Good{"Pipelined", "250 a\r\n250 b\r\n354 c\r\n", {Reply(250, "a"), Reply(250, "b"), Reply(354, "c")}},
        Good{"ControlsAreReplaced", "250 a\x1b[2J\0\tb\rc\x7f\r\n"sv, {Reply(250, "a?[2J? b?c?")}},
        Good{"CrCrLf", "250 a\r\r\n", {Reply(250, "a?")}},
        Good{"EightBit", "550 \xc3\xa9\xff\r\n", {Reply(550, "\xc3\xa9\xff")}},
        Good{"StrangeCode", "299 x\r\n", {Reply(299, "x")}}),
    [](const auto& tested) { return std::string(tested.param.name); });

struct Bad {
    std::string name;
    std::string input;
    ReplyFault fault;
};

class BadReply : public ::testing::TestWithParam<Bad> {};

TEST_P(BadReply, IsAFaultForGood) {
    const Parsed parsed = parse(GetParam().input);
    EXPECT_TRUE(parsed.replies.empty());
    EXPECT_EQ(parsed.fault, GetParam().fault);

    ReplyParser parser;
    parser.feed(GetParam().input);
    EXPECT_FALSE(parser.next()->has_value());
    parser.feed("250 all is well\r\n");
    EXPECT_EQ(parser.next()->error(), GetParam().fault);
    EXPECT_TRUE(parser.has_leftover());
    EXPECT_FALSE(parser.leftover().empty());
}

std::string repeat(std::string_view text, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i)
        out += text;
    return out;
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadReply,
    ::testing::Values(
        Bad{"Empty", "\r\n", ReplyFault::BadLine}, Bad{"Text", "hello\r\n", ReplyFault::BadLine},
        Bad{"TwoDigits", "25\r\n", ReplyFault::BadLine}, Bad{"FourDigits", "2500 x\r\n", ReplyFault::BadLine},
        Bad{"OneHundred", "150 x\r\n", ReplyFault::BadLine},
        Bad{"SixHundred", "650 x\r\n", ReplyFault::BadLine}, Bad{"Zero", "000 x\r\n", ReplyFault::BadLine},
        Bad{"Tab", "250\tx\r\n", ReplyFault::BadLine}, Bad{"NoSeparator", "250x\r\n", ReplyFault::BadLine},
        Bad{"LeadingSpace", " 250 x\r\n", ReplyFault::BadLine},
        Bad{"Http", "HTTP/1.1 400 Bad Request\r\n", ReplyFault::BadLine},
        Bad{"BadSecondLine", "250-a\r\nb\r\n", ReplyFault::BadLine},
        Bad{"CodeChanges", "250-a\r\n550 b\r\n", ReplyFault::CodeChanged},
        Bad{"LongLine", "250 " + std::string(5000, 'x') + "\r\n", ReplyFault::LineTooLong},
        Bad{"EndlessLine", std::string(5000, '2'), ReplyFault::LineTooLong},
        Bad{"ManyLines", repeat("250-x\r\n", 201), ReplyFault::TooManyLines},
        Bad{"LargeReply", repeat("250-" + std::string(4000, 'x') + "\r\n", 17), ReplyFault::TooLarge}),
    [](const auto& tested) { return tested.param.name; });

TEST(ReplyParser, TakesARepliesAtItsLimits) {
    const std::string line = "250 " + std::string(ReplyParser::kMaxLine - 6, 'x') + "\r\n";
    ASSERT_EQ(line.size(), ReplyParser::kMaxLine);
    EXPECT_EQ(parse(line).replies.size(), 1U);
    EXPECT_EQ(parse(repeat("250-x\r\n", 199) + "250 x\r\n").replies.size(), 1U);
}

TEST(ReplyParser, TellsOfOctetsThatNoReplyAccountsFor) {
    ReplyParser parser;
    parser.feed("220 go\r\n250-injected");
    ASSERT_TRUE(parser.next()->has_value());
    EXPECT_TRUE(parser.has_leftover());
    parser.clear();
    EXPECT_FALSE(parser.has_leftover());

    parser.feed("250-first\r\n");
    EXPECT_FALSE(parser.next());
    EXPECT_TRUE(parser.has_leftover()) << "half a reply was forgotten";
}

}  // namespace
}  // namespace posthouse::protocol
