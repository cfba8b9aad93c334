#include "protocol/command_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace posthouse::protocol {
namespace {

using namespace std::string_view_literals;

template <class Expected>
Expected parsed_as(std::string_view line, ParseOptions options = {}) {
    const auto command = parse_command(line, options);
    if (!command) {
        ADD_FAILURE() << line << " was refused: " << to_line(command.error());
        return {};
    }
    const auto* expected = std::get_if<Expected>(&*command);
    if (expected == nullptr) {
        ADD_FAILURE() << line << " is " << to_string(verb_of(*command));
        return {};
    }
    EXPECT_EQ(verb_of(*command), verb_of(line));
    return *expected;
}

TEST(CommandParser, ReadsTheName) {
    EXPECT_EQ(parsed_as<command::Helo>("HELO client.example").client, "client.example");
    EXPECT_EQ(parsed_as<command::Ehlo>("ehlo [IPv6:2001:db8::1]").client, "[IPv6:2001:db8::1]");
    EXPECT_EQ(parsed_as<command::Ehlo>("EHLO my_host  ").client, "my_host");
}

TEST(CommandParser, ReadsCommandsWithoutParametersInAnyCase) {
    (void)parsed_as<command::Data>("DATA");
    (void)parsed_as<command::Data>("data ");
    (void)parsed_as<command::Rset>("RsEt");
    (void)parsed_as<command::Quit>("QUIT");
    (void)parsed_as<command::StartTls>("STARTTLS");
    (void)parsed_as<command::Noop>("NOOP whatever");
    (void)parsed_as<command::Help>("HELP MAIL");
    (void)parsed_as<command::Vrfy>("VRFY \xc3\xa9@example.org");
    (void)parsed_as<command::Expn>("EXPN list");
}

TEST(CommandParser, ReadsPaths) {
    EXPECT_EQ(parsed_as<command::Mail>("MAIL FROM:<a@example.org>").sender, "a@example.org");
    EXPECT_EQ(parsed_as<command::Mail>("mail from: <a@example.org>").sender, "a@example.org");
    EXPECT_EQ(parsed_as<command::Mail>("MAIL FROM:<>").sender, "");
    EXPECT_EQ(parsed_as<command::Mail>("MAIL FROM:<@relay.example:a@example.org>").sender, "a@example.org");
    EXPECT_EQ(parsed_as<command::Rcpt>("RCPT TO:<\"a b\"@example.org>").recipient.address,
              "\"a b\"@example.org");
    EXPECT_EQ(parsed_as<command::Rcpt>("RCPT TO:<Postmaster>").recipient.address, "postmaster");
}

TEST(CommandParser, TakesUtf8OnlyWithSmtputf8) {
    const auto mail = parsed_as<command::Mail>("MAIL FROM:<\xc3\xa9@example.org> SMTPUTF8");
    EXPECT_EQ(mail.sender, "\xc3\xa9@example.org");
    EXPECT_TRUE(mail.smtputf8);
    EXPECT_EQ(
        parsed_as<command::Rcpt>("RCPT TO:<\xc3\xa9@example.org>", {.smtputf8 = true}).recipient.address,
        "\xc3\xa9@example.org");
}

TEST(CommandParser, ReadsChunkSizes) {
    EXPECT_EQ(parsed_as<command::Bdat>("BDAT 1000").size, 1000U);
    EXPECT_FALSE(parsed_as<command::Bdat>("BDAT 1000").last);
    EXPECT_TRUE(parsed_as<command::Bdat>("bdat 0 last").last);
    EXPECT_EQ(parsed_as<command::Bdat>("BDAT 4611686018427387904").size, kMaxChunkSize);
}

TEST(CommandParser, ReadsAuth) {
    const auto bare = parsed_as<command::Auth>("AUTH login");
    EXPECT_EQ(bare.mechanism, "LOGIN");
    EXPECT_FALSE(bare.initial_response);
    EXPECT_EQ(parsed_as<command::Auth>("AUTH PLAIN AGEAYg==").initial_response, "AGEAYg==");
    EXPECT_EQ(parsed_as<command::Auth>("AUTH SCRAM-SHA-256 =").initial_response, "");
}

TEST(CommandParser, TellsHttpFromMistakes) {
    for (const std::string_view line :
         {"GET / HTTP/1.1"sv, "POST / HTTP/1.1"sv, "CONNECT mx:25 HTTP/1.1"sv, "put /"sv}) {
        EXPECT_TRUE(parsed_as<command::Unknown>(line).looks_like_http) << line;
    }
    for (const std::string_view line :
         {"XCLIENT a"sv, "MAILFROM:<a@b>"sv, "HELOX"sv, "Host: mx"sv, "DAT"sv, " NOOP"sv}) {
        EXPECT_FALSE(parsed_as<command::Unknown>(line).looks_like_http) << line;
    }
}

struct Refused {
    std::string name;
    std::string line;
    std::uint16_t code;
    EnhancedCode enhanced;
    bool smtputf8 = false;
};

class RefusedCommand : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedCommand, GetsItsReply) {
    const auto command = parse_command(GetParam().line, {.smtputf8 = GetParam().smtputf8});
    ASSERT_FALSE(command);
    EXPECT_EQ(command.error().code, GetParam().code) << to_line(command.error());
    EXPECT_EQ(command.error().enhanced, GetParam().enhanced) << to_line(command.error());
    EXPECT_LE(to_wire(command.error()).size(), 512U);
}

INSTANTIATE_TEST_SUITE_P(
    Table, RefusedCommand,
    ::testing::Values(
        Refused{"Empty", "", 500, {5, 5, 2}}, Refused{"Spaces", "  ", 500, {5, 5, 2}},
        Refused{"Nul", std::string("NO\0OP"sv), 500, {5, 5, 2}},
        Refused{"NulAtTheEnd", std::string("NOOP\0"sv), 500, {5, 5, 2}},
        Refused{"Tab", "EHLO\tx", 500, {5, 5, 2}}, Refused{"Escape", "NOOP \x1b", 500, {5, 5, 2}},
        Refused{"Delete", "NOOP \x7f", 500, {5, 5, 2}}, Refused{"BareLf", "NOOP\nQUIT", 500, {5, 5, 2}},
        Refused{"BareCr", "NOOP\rQUIT", 500, {5, 5, 2}},
        Refused{"LfInPath", "RCPT TO:<\"a\nb\"@example.org>", 500, {5, 5, 2}},
        Refused{"TlsHello", "\x16\x03\x01\x02", 500, {5, 5, 2}}, Refused{"EhloAlone", "EHLO", 501, {5, 5, 4}},
        Refused{"EhloTwoWords", "EHLO a b", 501, {5, 5, 4}},
        Refused{"EhloComment", "EHLO a(b)", 501, {5, 5, 4}},
        Refused{"EhloUtf8", "EHLO \xc3\xa9.org", 501, {5, 5, 4}},
        Refused{"EhloLong", "EHLO " + std::string(256, 'x'), 501, {5, 5, 4}},
        Refused{"DataArgument", "DATA now", 501, {5, 5, 4}},
        Refused{"RsetArgument", "RSET x", 501, {5, 5, 4}}, Refused{"QuitArgument", "QUIT x", 501, {5, 5, 4}},
        Refused{"StartTlsArgument", "STARTTLS x", 501, {5, 5, 4}},
        Refused{"VrfyAlone", "VRFY", 501, {5, 5, 4}}, Refused{"MailAlone", "MAIL", 501, {5, 5, 4}},
        Refused{"MailTo", "MAIL TO:<a@b>", 501, {5, 5, 4}},
        Refused{"MailSpaceBeforeColon", "MAIL FROM :<a@b>", 501, {5, 5, 4}},
        Refused{"MailNoPath", "MAIL FROM:", 501, {5, 1, 7}},
        Refused{"MailNoBrackets", "MAIL FROM:a@b", 501, {5, 1, 7}},
        Refused{"MailNoDomain", "MAIL FROM:<a>", 501, {5, 1, 7}},
        Refused{"MailGlued", "MAIL FROM:<a@b>SIZE=1", 501, {5, 5, 4}},
        Refused{"MailUtf8", "MAIL FROM:<\xc3\xa9@b>", 553, {5, 6, 7}},
        Refused{"MailLatin1", "MAIL FROM:<\xe9@b> SMTPUTF8", 501, {5, 1, 7}},
        Refused{"MailUtf8Route", "MAIL FROM:<@\xc3\xa9:a@b>", 553, {5, 6, 7}},
        Refused{"RcptNull", "RCPT TO:<>", 501, {5, 1, 3}},
        Refused{"RcptNoDomain", "RCPT TO:<root>", 501, {5, 1, 3}},
        Refused{"RcptPipe", "RCPT TO:<\"|cmd\">", 501, {5, 1, 3}},
        Refused{"RcptFrom", "RCPT FROM:<a@b>", 501, {5, 5, 4}},
        Refused{"RcptGlued", "RCPT TO:<a@b>NOTIFY=NEVER", 501, {5, 5, 4}},
        Refused{"RcptUtf8", "RCPT TO:<\xc3\xa9@b>", 553, {5, 6, 7}},
        Refused{"RcptLatin1", "RCPT TO:<\xe9@b>", 501, {5, 1, 3}, true},
        Refused{"BdatAlone", "BDAT", 501, {5, 5, 4}}, Refused{"BdatNegative", "BDAT -1 LAST", 501, {5, 5, 4}},
        Refused{"BdatPlus", "BDAT +1", 501, {5, 5, 4}}, Refused{"BdatHex", "BDAT 0x10", 501, {5, 5, 4}},
        Refused{"BdatHexDigits", "BDAT ff", 501, {5, 5, 4}},
        Refused{"BdatFraction", "BDAT 1.5", 501, {5, 5, 4}},
        Refused{"BdatWraps", "BDAT 18446744073709551620", 501, {5, 5, 4}},
        Refused{"BdatHuge", "BDAT 99999999999999999999999", 501, {5, 5, 4}},
        Refused{"BdatOverBound", "BDAT 4611686018427387905", 501, {5, 5, 4}},
        Refused{"BdatOnlyLast", "BDAT LAST", 501, {5, 5, 4}},
        Refused{"BdatOtherWord", "BDAT 5 FIRST", 501, {5, 5, 4}},
        Refused{"BdatBehindLast", "BDAT 5 LAST 6", 501, {5, 5, 4}},
        Refused{"AuthAlone", "AUTH", 501, {5, 5, 4}},
        Refused{"AuthOddMechanism", "AUTH PL@IN", 501, {5, 5, 4}},
        Refused{"AuthLongMechanism", "AUTH " + std::string(21, 'A'), 501, {5, 5, 4}},
        Refused{"AuthTwoResponses", "AUTH PLAIN eA== eA==", 501, {5, 5, 4}}),
    [](const auto& tested) { return tested.param.name; });

TEST(CommandParser, NamesTheVerbOfALineThatItRefuses) {
    EXPECT_EQ(verb_of("BDAT -1"), Verb::Bdat);
    EXPECT_EQ(verb_of("bdat"), Verb::Bdat);
    EXPECT_EQ(verb_of(""), Verb::Unknown);
    EXPECT_EQ(verb_of("BDATA 1"), Verb::Unknown);
    EXPECT_EQ(to_string(Verb::StartTls), "STARTTLS");
    EXPECT_EQ(to_string(Verb::Unknown), "?");
}

}  // namespace
}  // namespace posthouse::protocol
