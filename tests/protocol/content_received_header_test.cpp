#include "protocol/date.h"
#include "protocol/received_header.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace posthouse::protocol {
namespace {

ReceivedFacts facts() {
    ReceivedFacts made;
    made.client_name = "client.example";
    made.client_address = "192.0.2.1";
    made.hostname = "relay.example";
    made.id = "0abc";
    made.now = from_unix_ms(0);
    return made;
}

std::string received(const ReceivedFacts& from) {
    std::string out;
    append_received(out, from);
    return out;
}

std::string unfolded(std::string text) {
    for (std::size_t at = text.find("\r\n"); at != std::string::npos; at = text.find("\r\n"))
        text.erase(at, 2);
    return text;
}

TEST(Date, WritesUtc) {
    EXPECT_EQ(format_date(from_unix_ms(0)), "Thu, 01 Jan 1970 00:00:00 +0000");
    EXPECT_EQ(format_date(from_unix_ms(951782400000 - 1)), "Mon, 28 Feb 2000 23:59:59 +0000");
    EXPECT_EQ(format_date(from_unix_ms(951782400000)), "Tue, 29 Feb 2000 00:00:00 +0000");
    EXPECT_EQ(format_date(from_unix_ms(-1)).size(), kDateLength);
    EXPECT_EQ(format_date(from_unix_ms(253402300800000)), "Fri, 31 Dec 9999 23:59:59 +0000");
}

TEST(ReceivedHeader, NamesClientHostProtocolAndId) {
    EXPECT_EQ(received(facts()),
              "Received: from client.example ([192.0.2.1]) by relay.example (posthouse)\r\n"
              " with ESMTP id 0abc; Thu, 01 Jan 1970 00:00:00 +0000\r\n");
}

TEST(ReceivedHeader, NamesTlsAndTheOnlyRecipient) {
    ReceivedFacts full = facts();
    full.client_address = "2001:db8::1";
    full.tls_version = "TLSv1.3";
    full.tls_cipher = "TLS_AES_128_GCM_SHA256";
    full.authenticated = true;
    full.recipient = "b@example.org";
    EXPECT_EQ(
        unfolded(received(full)),
        "Received: from client.example ([IPv6:2001:db8::1]) by relay.example (posthouse) with ESMTPSA id 0abc"
        " (using TLSv1.3 with cipher TLS_AES_128_GCM_SHA256) for <b@example.org>;"
        " Thu, 01 Jan 1970 00:00:00 +0000");
}

TEST(ReceivedHeader, CallsTheProtocolByItsRegisteredName) {
    struct Case {
        const char* name;
        bool esmtp, tls, authenticated, smtputf8;
    };
    for (const Case& c :
         {Case{"SMTP", false, false, false, false}, Case{"SMTP", false, true, false, false},
          Case{"ESMTP", true, false, false, false}, Case{"ESMTPS", true, true, false, false},
          Case{"ESMTPA", true, false, true, false}, Case{"ESMTPSA", true, true, true, false},
          Case{"UTF8SMTP", true, false, false, true}, Case{"UTF8SMTPSA", true, true, true, true}}) {
        ReceivedFacts made = facts();
        made.esmtp = c.esmtp;
        made.tls_version = c.tls ? "TLSv1.3" : "";
        made.tls_cipher = c.tls ? "X" : "";
        made.authenticated = c.authenticated;
        made.smtputf8 = c.smtputf8;
        EXPECT_NE(unfolded(received(made)).find(std::string(" with ") + c.name + " id "), std::string::npos)
            << c.name;
    }
}

TEST(ReceivedHeader, LetsNothingOutOfItsPlace) {
    ReceivedFacts hostile = facts();
    hostile.client_name = "a)\r\nBcc: x@y (;\"\\<>\xC3\xA4";
    hostile.client_address = "1.2.3.4)\r\nX: y";
    hostile.recipient = "x>\r\nX: y";
    EXPECT_EQ(
        unfolded(received(hostile)),
        "Received: from a???Bcc:?x?y?????????"
        " (local socket) by relay.example (posthouse) with ESMTP id 0abc; Thu, 01 Jan 1970 00:00:00 +0000");
    hostile.recipient = "\xC3\xA4@example.org";
    EXPECT_EQ(received(hostile).find("for <"), std::string::npos);
}

TEST(ReceivedHeader, KeepsLinesShort) {
    const std::string long_name(5000, 'a');
    const std::string host(60, 'h');
    for (const std::string_view name : {std::string_view(), std::string_view("c.example"),
                                        std::string_view(host), std::string_view(long_name)}) {
        ReceivedFacts made = facts();
        made.client_name = name;
        made.hostname = name;
        made.tls_version = "TLSv1.2";
        made.tls_cipher = "ECDHE-RSA-AES256-GCM-SHA384";
        made.recipient = "someone@example.org";
        std::string text = received(made);
        while (!text.empty()) {
            const std::size_t end = text.find("\r\n");
            EXPECT_LT(end, name.size() > 60 ? 300U : 78U) << text.substr(0, end);
            text.erase(0, end + 2);
            if (!text.empty()) {
                EXPECT_EQ(text.front(), ' ');
            }
        }
    }
}

TEST(MessageIdMaker, WritesIdRandomAndHost) {
    EXPECT_EQ(make_message_id("0abc", 0x1F, "relay.example"), "<0abc.000000000000001f@relay.example>");
    EXPECT_EQ(make_message_id("0abc", 0, "a>\r\nX: y"), "<0abc.0000000000000000@a???X:?y>");
}

}  // namespace
}  // namespace posthouse::protocol
