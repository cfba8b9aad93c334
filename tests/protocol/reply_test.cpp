#include "protocol/reply.h"

#include "protocol/reply_codes.h"
#include "protocol/reply_parser.h"
#include "protocol/utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace posthouse::protocol {
namespace {

using namespace std::string_view_literals;

TEST(Reply, IsWrittenOnOneLine) {
    EXPECT_EQ(to_wire(Reply(250, EnhancedCode{2, 1, 0}, "Ok")), "250 2.1.0 Ok\r\n");
    EXPECT_EQ(to_wire(Reply(354, "Go on")), "354 Go on\r\n");
    EXPECT_EQ(to_wire(Reply(250, "")), "250\r\n");
    EXPECT_EQ(to_wire(Reply(250, EnhancedCode{2, 0, 0}, "")), "250 2.0.0\r\n");
}

TEST(Reply, RepeatsItsCodesOnEveryLine) {
    EXPECT_EQ(to_wire(Reply(550, EnhancedCode{5, 7, 1}, "one\n\nthree")),
              "550-5.7.1 one\r\n550-5.7.1\r\n550 5.7.1 three\r\n");
    EXPECT_EQ(to_wire(Reply(250, "host\nSIZE 1\nDSN")), "250-host\r\n250-SIZE 1\r\n250 DSN\r\n");
}

TEST(Reply, NeverLetsTextBeginAReplyOfItsOwn) {
    const std::string text("a\r\n250 b\0c\x1b[2J\x7f"sv);
    EXPECT_EQ(to_wire(Reply(550, text)), "550-a?\r\n550 250 b?c?[2J?\r\n");
}

TEST(Reply, IsCutIntoLinesOf512Octets) {
    std::string text;
    for (int i = 0; i < 400; ++i)
        text += "\xe2\x82\xac";
    for (const auto& reply : {Reply(550, EnhancedCode{5, 7, 1}, text), Reply(550, text)}) {
        const std::string wire = to_wire(reply);
        std::string_view rest = wire;
        while (!rest.empty()) {
            const std::size_t end = rest.find("\r\n");
            EXPECT_LE(end + 2, 512U);
            EXPECT_TRUE(is_valid_utf8(rest.substr(0, end))) << "cut inside a character";
            rest.remove_prefix(end + 2);
        }
        ReplyParser parser;
        parser.feed(wire);
        auto parsed = parser.next();
        ASSERT_TRUE(parsed && *parsed);
        std::erase((*parsed)->text, '\n');
        EXPECT_EQ((*parsed)->text, text);
    }
}

TEST(Reply, IsOnePrintableLineForLogs) {
    EXPECT_EQ(to_line(Reply(550, EnhancedCode{5, 7, 1}, "one\ntwo")), "550 5.7.1 one two");
    EXPECT_EQ(to_line(Reply(421, "")), "421");
    EXPECT_EQ(to_line(Reply(550, "a\x1b\r\xff\xc2\x9b\xc3\xa9")), "550 a\\x1b\\x0d\\xff\\xc2\\x9b\xc3\xa9");
}

TEST(Reply, GivesRulesAPlaceForEveryPart) {
    EXPECT_EQ(to_rule_subject(Reply(550, EnhancedCode{5, 4, 5}, "Daily limit\nexceeded")),
              "550 5.4.5 Daily limit exceeded");
    EXPECT_EQ(to_rule_subject(Reply(421, "try later")), "421 - try later");
}

TEST(EnhancedCode, IsReadOnlyIfItStandsAlone) {
    EXPECT_EQ(parse_enhanced_code("5.7.1 no"), (EnhancedCode{5, 7, 1}));
    EXPECT_EQ(parse_enhanced_code("2.0.0"), (EnhancedCode{2, 0, 0}));
    EXPECT_EQ(parse_enhanced_code("4.999.999 x"), (EnhancedCode{4, 999, 999}));
    for (const std::string_view text :
         {""sv, "5"sv, "5."sv, "5.7"sv, "5.7."sv, "5.7.1x"sv, "5.7.1.2 x"sv, "3.1.1 x"sv, "5.1000.1"sv,
          "5.01.1"sv, "5.7.-1"sv, "x5.7.1"sv, "5..1"sv, "5.7.1\n"sv, "192.0.2.1"sv}) {
        EXPECT_FALSE(parse_enhanced_code(text)) << text;
    }
    EXPECT_EQ(to_string(EnhancedCode{5, 7, 26}), "5.7.26");
}

TEST(ReplyCodes, HaveAnEnhancedCodeOfTheirOwnClass) {
    using namespace replies;
    const Reply all[] = {help(),
                         ready_for_tls(),
                         closing("h"),
                         authenticated(),
                         ok(),
                         sender_ok(),
                         recipient_ok(),
                         chunk_ok(3),
                         queued("id"),
                         cannot_verify(),
                         shutting_down("h"),
                         too_many_connections("h"),
                         timed_out("h"),
                         too_many_errors("h"),
                         too_many_auth_failures("h"),
                         not_http("h"),
                         out_of_step("h"),
                         local_error(),
                         out_of_storage(),
                         too_many_recipients(),
                         auth_unavailable(),
                         tls_unavailable(),
                         unknown_command(),
                         bad_command_line(),
                         line_too_long(),
                         syntax_error("x"),
                         no_parameters("RSET"),
                         bad_sender("x"),
                         bad_recipient("x"),
                         bad_base64(),
                         auth_cancelled(),
                         not_implemented(),
                         bad_sequence("x"),
                         already_authenticated(),
                         unknown_mechanism(),
                         unknown_parameter("x"),
                         auth_required(),
                         starttls_required(),
                         encryption_required(),
                         bad_credentials(),
                         relay_denied(),
                         message_too_big(),
                         non_ascii_address(),
                         no_valid_recipients(),
                         bare_newline(),
                         routing_loop()};
    for (const Reply& reply : all) {
        ASSERT_TRUE(reply.enhanced) << reply.code;
        EXPECT_EQ(reply.enhanced->klass, reply.code / 100) << reply.code;
        EXPECT_FALSE(reply.text.empty()) << reply.code;
    }
    // RFC 2034 4: none on the greeting and EHLO; none on intermediate replies, which have no class for it.
    for (const Reply& reply : {greeting("h"), helo("h"), challenge("eA=="), start_mail_input()}) {
        EXPECT_FALSE(reply.enhanced) << reply.code;
    }
}

}  // namespace
}  // namespace posthouse::protocol
