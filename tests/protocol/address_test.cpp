#include "protocol/address.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace posthouse::protocol {
namespace {

using namespace std::string_view_literals;

std::string repeated(std::size_t n, char c) {
    return std::string(n, c);
}

// A domain of exactly `size` octets with labels that are not too long.
std::string domain_of_size(std::size_t size) {
    std::string domain;
    while (domain.size() + 64 < size)
        domain += repeated(63, 'd') + ".";
    return domain + repeated(size - domain.size(), 'e');
}

struct Good {
    std::string name;
    std::string path;
    std::string mailbox;
};

class GoodPath : public ::testing::TestWithParam<Good> {};

TEST_P(GoodPath, GivesTheCanonicalMailbox) {
    const std::string text = GetParam().path + " SIZE=1";
    const auto path = parse_path(text, {.utf8 = true, .allow_null = true, .allow_postmaster = true});
    ASSERT_TRUE(path) << to_string(path.error());
    EXPECT_EQ(path->mailbox, GetParam().mailbox);
    EXPECT_EQ(path->length, GetParam().path.size());
    if (!domain_of(path->mailbox).empty()) {
        const auto again = parse_mailbox(path->mailbox, true);
        ASSERT_TRUE(again) << to_string(again.error());
        EXPECT_EQ(*again, path->mailbox);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Table, GoodPath,
    ::testing::Values(
        Good{"Plain", "<a@example.org>", "a@example.org"},
        Good{"CaseIsKept", "<Ab@Example.ORG>", "Ab@Example.ORG"}, Good{"Null", "<>", ""},
        Good{"Postmaster", "<Postmaster>", "postmaster"},
        Good{"PostmasterWithDomain", "<Postmaster@example.org>", "Postmaster@example.org"},
        Good{"Atext", "<!#$%&'*+-/=?^_`{|}~@example.org>", "!#$%&'*+-/=?^_`{|}~@example.org"},
        Good{"Dots", "<a.b.c@example.org>", "a.b.c@example.org"},
        Good{"OneLabel", "<root@localhost>", "root@localhost"},
        Good{"Underscore", "<a@my_host>", "a@my_host"}, Good{"NumericDomain", "<a@123.45>", "a@123.45"},
        Good{"Quoted", R"(<"a b"@example.org>)", R"("a b"@example.org)"},
        Good{"QuotedNeedlessly", R"(<"a.b"@example.org>)", "a.b@example.org"},
        Good{"EscapedNeedlessly", R"(<"a\b"@example.org>)", "ab@example.org"},
        Good{"EscapedQuote", R"(<"a\"\\b"@example.org>)", R"("a\"\\b"@example.org)"},
        Good{"EscapedSpace", R"(<"a\ b"@example.org>)", R"("a b"@example.org)"},
        Good{"QuotedAt", R"(<"a@b"@example.org>)", R"("a@b"@example.org)"},
        Good{"QuotedBrackets", R"(<"<>"@example.org>)", R"("<>"@example.org)"},
        Good{"QuotedEmpty", R"(<""@example.org>)", R"(""@example.org)"},
        Good{"QuotedDots", R"(<"a..b"@example.org>)", R"("a..b"@example.org)"},
        Good{"Ipv4", "<a@[192.0.2.1]>", "a@[192.0.2.1]"},
        Good{"Ipv6", "<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]"},
        Good{"Ipv6Full", "<a@[ipv6:1:2:3:4:5:6:7:8]>", "a@[ipv6:1:2:3:4:5:6:7:8]"},
        Good{"Ipv6Any", "<a@[IPv6:::]>", "a@[IPv6:::]"},
        Good{"Ipv6Mapped", "<a@[IPv6:::ffff:192.0.2.1]>", "a@[IPv6:::ffff:192.0.2.1]"},
        Good{"Ipv6End", "<a@[IPv6:fe80::]>", "a@[IPv6:fe80::]"},
        Good{"GeneralLiteral", "<a@[X-tag:any@thing]>", "a@[X-tag:any@thing]"},
        Good{"SourceRoute", "<@one.example,@[192.0.2.1]:a@example.org>", "a@example.org"},
        Good{"Utf8Local", "<\xc3\xa9@example.org>", "\xc3\xa9@example.org"},
        Good{"Utf8Quoted", "<\"\xc3\xa9 b\"@example.org>", "\"\xc3\xa9 b\"@example.org"},
        Good{"Utf8Domain",
             "<a@b\xc3\xbc"
             "cher.example>",
             "a@b\xc3\xbc"
             "cher.example"},
        Good{"LowOctetsOfCrLf", "<\xc4\x8d\xc4\x8a@example.org>", "\xc4\x8d\xc4\x8a@example.org"},
        Good{"LongestLocal", "<" + repeated(64, 'l') + "@example.org>", repeated(64, 'l') + "@example.org"},
        Good{"LongestPath", "<a@" + domain_of_size(252) + ">", "a@" + domain_of_size(252)}),
    [](const auto& tested) { return tested.param.name; });

struct Bad {
    std::string name;
    std::string path;
    AddressFault fault;
    bool utf8 = true;
};

class BadPath : public ::testing::TestWithParam<Bad> {};

TEST_P(BadPath, IsRefusedForItsReason) {
    const auto path = parse_path(GetParam().path, {.utf8 = GetParam().utf8});
    ASSERT_FALSE(path) << path->mailbox;
    EXPECT_EQ(path.error(), GetParam().fault) << to_string(path.error());
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadPath,
    ::testing::Values(
        Bad{"Nothing", "", AddressFault::Brackets},
        Bad{"NoBrackets", "a@example.org", AddressFault::Brackets},
        Bad{"NoEnd", "<a@example.org", AddressFault::Brackets},
        Bad{"NullForbidden", "<>", AddressFault::LocalPart},
        Bad{"PostmasterForbidden", "<postmaster>", AddressFault::Domain},
        Bad{"NoDomain", "<root>", AddressFault::Domain}, Bad{"EmptyDomain", "<a@>", AddressFault::Domain},
        Bad{"EmptyLocal", "<@example.org>", AddressFault::Route},
        Bad{"LeadingDot", "<.a@example.org>", AddressFault::LocalPart},
        Bad{"TrailingDot", "<a.@example.org>", AddressFault::LocalPart},
        Bad{"TwoDots", "<a..b@example.org>", AddressFault::LocalPart},
        Bad{"Space", "<a b@example.org>", AddressFault::LocalPart},
        Bad{"TwoAts", "<a@b@example.org>", AddressFault::Domain},
        Bad{"Nested", "<<a@example.org>>", AddressFault::LocalPart},
        Bad{"QuoteNotClosed", "<\"a@example.org>", AddressFault::LocalPart},
        Bad{"QuoteInTheMiddle", "<a\"b\"@example.org>", AddressFault::LocalPart},
        Bad{"TextBehindQuote", "<\"a\"b@example.org>", AddressFault::LocalPart},
        Bad{"BackslashAtTheEnd", "<\"a\\", AddressFault::LocalPart},
        Bad{"LfInQuotes", "<\"a\nb\"@example.org>", AddressFault::LocalPart},
        Bad{"EscapedLf", "<\"a\\\nb\"@example.org>", AddressFault::LocalPart},
        Bad{"CrInQuotes", "<\"a\rb\"@example.org>", AddressFault::LocalPart},
        Bad{"NulInQuotes", std::string("<\"a\0b\"@example.org>"sv), AddressFault::LocalPart},
        Bad{"DelInQuotes", "<\"a\x7f\"@example.org>", AddressFault::LocalPart},
        Bad{"TabInQuotes", "<\"a\tb\"@example.org>", AddressFault::LocalPart},
        Bad{"Pipe", "<|cmd>", AddressFault::Domain},
        Bad{"QuotedPipe", "<\"|/bin/sh -c id\">", AddressFault::Domain},
        Bad{"File", "</etc/passwd>", AddressFault::Domain}, Bad{"Option", "<-oX>", AddressFault::Domain},
        Bad{"LabelEmpty", "<a@b..c>", AddressFault::Domain},
        Bad{"DomainEndsWithDot", "<a@b.>", AddressFault::Domain},
        Bad{"LabelBeginsWithHyphen", "<a@-b.org>", AddressFault::Domain},
        Bad{"LabelEndsWithHyphen", "<a@b-.org>", AddressFault::Domain},
        Bad{"LabelTooLong", "<a@" + repeated(64, 'l') + ".org>", AddressFault::Domain},
        Bad{"SpaceInDomain", "<a@b c>", AddressFault::Domain},
        Bad{"NulInDomain", std::string("<a@b\0c>"sv), AddressFault::Domain},
        Bad{"PercentInDomain", "<a@b%c>", AddressFault::Domain},
        Bad{"Ipv4TooLarge", "<a@[256.0.0.1]>", AddressFault::Literal},
        Bad{"Ipv4Short", "<a@[1.2.3]>", AddressFault::Literal},
        Bad{"Ipv4Long", "<a@[1.2.3.4.5]>", AddressFault::Literal},
        Bad{"Ipv4Digits", "<a@[0001.2.3.4]>", AddressFault::Literal},
        Bad{"Ipv6Twice", "<a@[IPv6:1::2::3]>", AddressFault::Literal},
        Bad{"Ipv6Short", "<a@[IPv6:1:2:3]>", AddressFault::Literal},
        Bad{"Ipv6Long", "<a@[IPv6:1:2:3:4:5:6:7:8:9]>", AddressFault::Literal},
        Bad{"Ipv6Group", "<a@[IPv6:12345::]>", AddressFault::Literal},
        Bad{"Ipv6Colon", "<a@[IPv6:1:2:3:4:5:6:7:]>", AddressFault::Literal},
        Bad{"Ipv6Empty", "<a@[IPv6:]>", AddressFault::Literal},
        Bad{"Ipv6WithoutTag", "<a@[::1]>", AddressFault::Literal},
        Bad{"LiteralNotClosed", "<a@[192.0.2.1>", AddressFault::Literal},
        Bad{"LiteralControl", "<a@[tag:a\nb]>", AddressFault::Literal},
        Bad{"LiteralEmpty", "<a@[]>", AddressFault::Literal},
        Bad{"LiteralTagEndsWithHyphen", "<a@[tag-:b]>", AddressFault::Literal},
        Bad{"RouteWithoutColon", "<@a.example a@b.example>", AddressFault::Route},
        Bad{"RouteEmptyHop", "<@a,:x@b>", AddressFault::Route},
        Bad{"RouteWithLf", "<@a\n:x@b>", AddressFault::Route},
        Bad{"LocalTooLong", "<" + repeated(65, 'l') + "@example.org>", AddressFault::LocalTooLong},
        Bad{"DomainTooLong", "<a@" + domain_of_size(270) + ">", AddressFault::DomainTooLong},
        Bad{"PathTooLong", "<a@" + domain_of_size(253) + ">", AddressFault::PathTooLong},
        Bad{"RouteTooLong", "<@" + domain_of_size(240) + ":user@example.org>", AddressFault::PathTooLong},
        Bad{"Utf8WithoutSmtputf8", "<\xc3\xa9@example.org>", AddressFault::NonAscii, false},
        Bad{"Utf8DomainWithoutSmtputf8", "<a@\xc3\xa9.org>", AddressFault::NonAscii, false},
        Bad{"Latin1", "<\xe9@example.org>", AddressFault::BadUtf8},
        Bad{"Overlong", "<\xc0\xaf@example.org>", AddressFault::BadUtf8},
        Bad{"Surrogate", "<\xed\xa0\x80@example.org>", AddressFault::BadUtf8},
        Bad{"C1Control", "<a\xc2\x85@example.org>", AddressFault::BadUtf8},
        Bad{"QuotedLatin1", "<\"\xe9\"@example.org>", AddressFault::BadUtf8},
        Bad{"EscapedUtf8", "<\"\\\xc3\xa9\"@example.org>", AddressFault::LocalPart}),
    [](const auto& tested) { return tested.param.name; });

TEST(Address, FindsTheDomainOfACanonicalMailbox) {
    EXPECT_EQ(domain_of("a@example.org"), "example.org");
    EXPECT_EQ(domain_of(R"("a@b"@example.org)"), "example.org");
    EXPECT_EQ(domain_of("a@[IPv6:::1]"), "[IPv6:::1]");
    EXPECT_EQ(domain_of("a@[tag:x@y]"), "[tag:x@y]");
    EXPECT_EQ(domain_of(R"("x@[y]"@example.org)"), "example.org");
    EXPECT_EQ(domain_of("postmaster"), "");
    EXPECT_EQ(domain_of(""), "");
    EXPECT_EQ(local_part_of("a@example.org"), "a");
    EXPECT_EQ(local_part_of(R"("a@b"@[tag:x@y])"), R"("a@b")");
    EXPECT_EQ(local_part_of("postmaster"), "postmaster");
}

TEST(Address, ParsesABareMailboxOnlyWhole) {
    EXPECT_EQ(parse_mailbox("a@example.org", false), "a@example.org");
    EXPECT_FALSE(parse_mailbox("a@example.org ", false));
    EXPECT_FALSE(parse_mailbox("a@example.org>", false));
    EXPECT_FALSE(parse_mailbox("<a@example.org>", false));
    EXPECT_FALSE(parse_mailbox("", false));
    EXPECT_FALSE(parse_mailbox("\xc3\xa9@example.org", false));
}

TEST(Address, TellsDomains) {
    for (const std::string_view text : {"example.org"sv, "localhost"sv, "[192.0.2.1]"sv, "[IPv6:::1]"sv}) {
        EXPECT_TRUE(is_domain(text, false)) << text;
    }
    for (const std::string_view text : {""sv, "a b"sv, "a."sv, "[1]"sv, "\xc3\xa9.org"sv, "a@b"sv}) {
        EXPECT_FALSE(is_domain(text, false)) << text;
    }
    EXPECT_TRUE(is_domain("\xc3\xa9.org", true));
}

}  // namespace
}  // namespace posthouse::protocol
