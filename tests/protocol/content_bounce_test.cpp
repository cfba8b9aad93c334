#include "protocol/bounce_builder.h"
#include "protocol/bounce_text.h"
#include "protocol/header_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace posthouse::protocol {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kHeader = "Message-ID: <orig@x>\r\nSubject: hello\r\n\r\n";
constexpr std::string_view kContent = "Message-ID: <orig@x>\r\nSubject: hello\r\n\r\nthe body\r\n";

BounceRecipient recipient(std::string address, BounceAction action, Reply reply) {
    BounceRecipient made;
    made.address = std::move(address);
    made.action = action;
    made.reply = std::move(reply);
    made.remote_host = "mx.example.org";
    made.last_attempt = from_unix_ms(1889244800000);
    return made;
}

Bounce bounce() {
    Bounce made;
    made.hostname = "relay.example";
    made.sender = "sender@example.com";
    made.envelope_id = "QQ+2B1";
    made.queue_id = "0abc";
    made.message_id = "<b@relay.example>";
    made.arrival = from_unix_ms(0);
    made.now = from_unix_ms(1889244800000);
    made.random = 0xABCDEF;
    made.recipients.push_back(recipient("user@example.org", BounceAction::Failed,
                                        Reply(550, EnhancedCode{5, 1, 1}, "No such user\nhere")));
    made.recipients.back().original_recipient = "rfc822;user+2Btag@example.org";
    made.original = kContent;
    made.header_size = kHeader.size();
    return made;
}

std::size_t longest_line(std::string_view text) {
    std::size_t longest = 0;
    while (!text.empty()) {
        const std::size_t end = text.find("\r\n");
        if (end == std::string_view::npos) return std::max(longest, text.size());
        longest = std::max(longest, end);
        text.remove_prefix(end + 2);
    }
    return longest;
}

TEST(BounceBuilder, WritesTheWholeReport) {
    const BuiltBounce built = build_bounce(bounce());
    EXPECT_EQ(built.content,
              "From: Mail Delivery System <MAILER-DAEMON@relay.example>\r\n"
              "To: <sender@example.com>\r\n"
              "Subject: Undelivered mail returned to sender\r\n"
              "Date: Tue, 13 Nov 2029 06:13:20 +0000\r\n"
              "Message-ID: <b@relay.example>\r\n"
              "In-Reply-To: <orig@x>\r\n"
              "References: <orig@x>\r\n"
              "Auto-Submitted: auto-replied\r\n"
              "MIME-Version: 1.0\r\n"
              "Content-Type: multipart/report; report-type=delivery-status;\r\n"
              " boundary=\"=_posthouse_fedcba0000000000\"\r\n"
              "\r\n"
              "--=_posthouse_fedcba0000000000\r\n"
              "Content-Description: Notification\r\n"
              "Content-Type: text/plain; charset=us-ascii\r\n"
              "Content-Transfer-Encoding: 7bit\r\n"
              "\r\n"
              "This is the mail relay relay.example. You get this notice because you\r\n"
              "are the sender of a message.\r\n"
              "\r\n"
              "Your message could not be delivered to the recipients below. It will not\r\n"
              "be tried again.\r\n"
              "\r\n"
              "<user@example.org>\r\n"
              "    mx.example.org answered: 550 5.1.1 No such user here\r\n"
              "    The address does not exist there. Check it for typing errors, or ask\r\n"
              "    the recipient for the current one.\r\n"
              "\r\n"
              "The message was accepted here on Thu, 01 Jan 1970 00:00:00 +0000 and is\r\n"
              "known as 0abc.\r\n"
              "\r\n"
              "--=_posthouse_fedcba0000000000\r\n"
              "Content-Description: Delivery report\r\n"
              "Content-Type: message/delivery-status\r\n"
              "Content-Transfer-Encoding: 7bit\r\n"
              "\r\n"
              "Reporting-MTA: dns; relay.example\r\n"
              "Original-Envelope-Id: QQ+1\r\n"
              "Arrival-Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"
              "\r\n"
              "Original-Recipient: rfc822; user+tag@example.org\r\n"
              "Final-Recipient: rfc822; user@example.org\r\n"
              "Action: failed\r\n"
              "Status: 5.1.1\r\n"
              "Remote-MTA: dns; mx.example.org\r\n"
              "Diagnostic-Code: smtp; 550 5.1.1 No such user here\r\n"
              "Last-Attempt-Date: Tue, 13 Nov 2029 06:13:20 +0000\r\n"
              "\r\n"
              "--=_posthouse_fedcba0000000000\r\n"
              "Content-Description: Message header\r\n"
              "Content-Type: text/rfc822-headers\r\n"
              "Content-Transfer-Encoding: 7bit\r\n"
              "\r\n"
              "Message-ID: <orig@x>\r\n"
              "Subject: hello\r\n"
              "\r\n"
              "--=_posthouse_fedcba0000000000--\r\n");
    EXPECT_FALSE(built.eight_bit);
    EXPECT_FALSE(built.utf8_header);
    EXPECT_EQ(built.content.substr(built.header_size, 2), "--");
}

TEST(BounceBuilder, ReturnsTheBodyOnlyWhenAskedAndFailed) {
    Bounce made = bounce();
    made.return_full = true;
    EXPECT_THAT(build_bounce(made).content, HasSubstr("Content-Type: message/rfc822\r\n"));
    EXPECT_THAT(build_bounce(made).content, HasSubstr("\r\n\r\nthe body\r\n"));

    made.recipients.front().action = BounceAction::Delayed;
    EXPECT_THAT(build_bounce(made).content, Not(HasSubstr("the body")));

    made.recipients.front().action = BounceAction::Failed;
    const std::string huge = std::string(kHeader) + std::string(kMaxReturnedContent, 'x');
    made.original = huge;
    const BuiltBounce built = build_bounce(made);
    EXPECT_THAT(built.content, HasSubstr("text/rfc822-headers"));
    EXPECT_LT(built.content.size(), 4096U);

    const std::string bare = std::string(kHeader) + "the\nbody\r\n";
    made.original = bare;
    EXPECT_THAT(build_bounce(made).content, HasSubstr("text/rfc822-headers"));
}

TEST(BounceBuilder, NamesWhatHappenedToEachRecipient) {
    struct Case {
        const char* name;
        BounceAction action;
        Reply reply;
        std::string_view action_field, status_field, subject;
    };
    const Case cases[]{
        {"failed", BounceAction::Failed, Reply(550, "no"), "failed", "5.0.0", "Undelivered mail"},
        {"failed with a deferral", BounceAction::Failed, Reply(450, EnhancedCode{4, 7, 1}, "no"), "failed",
         "4.7.1", "Undelivered mail"},
        {"codes that contradict", BounceAction::Failed, Reply(550, EnhancedCode{2, 1, 1}, "no"), "failed",
         "5.0.0", "Undelivered mail"},
        {"expired", BounceAction::Expired, Reply(451, EnhancedCode{4, 2, 1}, "later"), "failed", "4.4.7",
         "Undelivered mail"},
        {"delayed", BounceAction::Delayed, Reply(451, EnhancedCode{4, 2, 1}, "later"), "delayed", "4.2.1",
         "Delayed mail"},
        {"relayed", BounceAction::Relayed, Reply(250, EnhancedCode{2, 1, 5}, "ok"), "relayed", "2.1.5",
         "Mail handed on"},
    };
    for (const Case& c : cases) {
        Bounce made = bounce();
        made.recipients.front().action = c.action;
        made.recipients.front().reply = c.reply;
        made.recipients.front().retry_until = from_unix_ms(86400000);
        const std::string content = build_bounce(made).content;
        EXPECT_THAT(content, HasSubstr("\r\nAction: " + std::string(c.action_field) + "\r\n")) << c.name;
        EXPECT_THAT(content, HasSubstr("\r\nStatus: " + std::string(c.status_field) + "\r\n")) << c.name;
        EXPECT_THAT(content, HasSubstr("\r\nSubject: " + std::string(c.subject))) << c.name;
        const bool has_until = content.find("Will-Retry-Until: Fri, 02 Jan 1970") != std::string::npos;
        EXPECT_EQ(has_until, c.action == BounceAction::Delayed) << c.name;
    }
}

TEST(BounceBuilder, SaysWhenThereWasNoAnswer) {
    Bounce made = bounce();
    made.recipients.front() = recipient("user@example.org", BounceAction::Expired, Reply());
    made.recipients.front().remote_host.clear();
    made.recipients.front().last_attempt = {};
    const std::string content = build_bounce(made).content;
    EXPECT_THAT(content, HasSubstr("There was no answer from any server."));
    EXPECT_THAT(content, Not(HasSubstr("Diagnostic-Code")));
    EXPECT_THAT(content, Not(HasSubstr("Remote-MTA")));
    EXPECT_THAT(content, Not(HasSubstr("Last-Attempt-Date")));
}

TEST(BounceBuilder, LetsNoForeignTextOutOfItsField) {
    Bounce made = bounce();
    made.sender = "a\r\nX-Injected: 1@x";
    made.envelope_id = "a+0D+0AX-Injected: 2";
    made.recipients.front().reply = Reply(550, "no\r\nX-Injected: 3\r\n\r\nFinal-Recipient: rfc822; other@x");
    made.recipients.front().remote_host = "mx\r\nX-Injected: 4";
    made.recipients.front().original_recipient = "rfc822;a+0D+0AX-Injected: 5";
    made.recipients.front().address = "user\r\nX-Injected: 6";
    const std::string content = build_bounce(made).content;
    EXPECT_THAT(content, Not(HasSubstr("\nX-Injected")));
    EXPECT_THAT(content, Not(HasSubstr("\nFinal-Recipient: rfc822; other")));
}

TEST(BounceBuilder, KeepsLinesShortWhateverIsInThem) {
    Bounce made = bounce();
    const std::string endless(100000, 'z');
    const std::string header = "Subject: " + endless + "\r\n\r\n";
    made.recipients.front().reply = Reply(550, endless);
    made.recipients.front().remote_host = endless;
    made.recipients.front().address = endless;
    made.sender = endless;
    made.original = header;
    made.header_size = header.size();
    EXPECT_LE(longest_line(build_bounce(made).content), 998U);
}

TEST(BounceBuilder, EncodesAnEightBitHeader) {
    Bounce made = bounce();
    const std::string_view header = "Subject: \xC3\xA4\r\n\r\n";
    made.original = header;
    made.header_size = header.size();
    const BuiltBounce built = build_bounce(made);
    EXPECT_THAT(built.content,
                HasSubstr("text/rfc822-headers\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
                          "Subject: =C3=A4\r\n"));
    EXPECT_FALSE(built.eight_bit);

    made.smtputf8 = true;
    const BuiltBounce utf8 = build_bounce(made);
    EXPECT_THAT(utf8.content, HasSubstr("message/global-headers\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
                                        "Subject: \xC3\xA4\r\n"));
    EXPECT_TRUE(utf8.eight_bit);
    EXPECT_FALSE(utf8.utf8_header);
}

TEST(BounceBuilder, ReportsUtf8Addresses) {
    Bounce made = bounce();
    made.smtputf8 = true;
    made.sender = "\xC3\xA4@example.com";
    made.recipients.front().address = "\xC3\xB6@example.org";
    made.recipients.front().original_recipient.clear();
    const BuiltBounce built = build_bounce(made);
    EXPECT_TRUE(built.utf8_header);
    EXPECT_THAT(built.content, HasSubstr("To: <\xC3\xA4@example.com>\r\n"));
    EXPECT_THAT(built.content, HasSubstr("message/global-delivery-status"));
    EXPECT_THAT(built.content, HasSubstr("Final-Recipient: utf-8; \xC3\xB6@example.org\r\n"));

    made.smtputf8 = false;
    made.sender = "a@example.com";
    const BuiltBounce ascii = build_bounce(made);
    EXPECT_FALSE(ascii.eight_bit);
    EXPECT_THAT(ascii.content, HasSubstr("Final-Recipient: utf-8; \\x{F6}@example.org\r\n"));
}

TEST(BounceBuilder, ChoosesABoundaryThatNoPartHas) {
    Bounce made = bounce();
    const std::string header = "X: --=_posthouse_fedcba0000000000\r\n\r\n";
    made.original = header;
    made.header_size = header.size();
    EXPECT_THAT(build_bounce(made).content, HasSubstr("boundary=\"=_posthouse_0fdcba0000000000\""));
}

TEST(BounceText, ShowsNoControlCharacters) {
    EXPECT_EQ(shown("a\r\nb\tc\x1B\x7F", Charset::Ascii), "a? b c??");
    EXPECT_EQ(shown("\xC3\xA4\xFF", Charset::Utf8), "\xC3\xA4?");
    EXPECT_EQ(shown("\xC3\xA4", Charset::Ascii), "?");
    EXPECT_EQ(shown("\xC2\x9B", Charset::Utf8), "?");
    EXPECT_EQ(shown(std::string(3000, 'x'), Charset::Ascii).size(), kMaxShown + 4);
}

TEST(BounceText, WritesUtf8AddressesInAscii) {
    EXPECT_EQ(ascii_form("a+b\\=c@x"), "a\\x{2B}b\\x{5C}\\x{3D}c@x");
    EXPECT_EQ(ascii_form("\xE2\x82\xAC\xF0\x9F\x98\x80\x01"), "\\x{20AC}\\x{1F600}\\x{01}");
}

}  // namespace
}  // namespace posthouse::protocol
