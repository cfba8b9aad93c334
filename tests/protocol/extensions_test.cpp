#include "protocol/extensions.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace posthouse::protocol {
namespace {

TEST(Extensions, AreOfferedAsTheListenerAllows) {
    EXPECT_EQ(to_wire(ehlo_reply("mx.example", {.starttls = true, .auth = false, .max_size = 52428800})),
              "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
              "250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250-DSN\r\n250 STARTTLS\r\n");
    EXPECT_TRUE(ehlo_reply("h", {.auth = true}).text.ends_with("\nAUTH PLAIN LOGIN"));
    EXPECT_EQ(ehlo_reply("h", {}).text.find("STARTTLS"), std::string::npos);
    EXPECT_EQ(ehlo_reply("h", {}).text.find("AUTH"), std::string::npos);
}

TEST(Extensions, AreReadBackAsOffered) {
    const auto seen =
        parse_ehlo_reply(ehlo_reply("mx.example", {.starttls = true, .auth = true, .max_size = 1000}));
    EXPECT_EQ(seen.name, "mx.example");
    EXPECT_TRUE(seen.pipelining && seen.starttls && seen.eight_bit_mime && seen.smtputf8 && seen.chunking &&
                seen.dsn && seen.enhanced_status_codes);
    EXPECT_FALSE(seen.require_tls);
    EXPECT_EQ(seen.size, 1000U);
    EXPECT_EQ(seen.auth, (std::vector{AuthMechanism::Plain, AuthMechanism::Login}));
}

TEST(Extensions, AreNotReadFromTheFirstLine) {
    const auto seen = parse_ehlo_reply(Reply(250, "PIPELINING\nSIZE"));
    EXPECT_FALSE(seen.pipelining);
    EXPECT_EQ(seen.name, "PIPELINING");
}

TEST(Extensions, AreReadInAnyCaseAndOldForm) {
    const auto seen = parse_ehlo_reply(Reply(250,
                                             "mx hello [192.0.2.1]\npipelining\nStartTls\nX-UNKNOWN a "
                                             "b\nAUTH=LOGIN plain\nAUTH LOGIN CRAM-MD5 GSSAPI\nREQUIRETLS"));
    EXPECT_EQ(seen.name, "mx");
    EXPECT_TRUE(seen.pipelining && seen.starttls && seen.require_tls);
    EXPECT_EQ(seen.auth, (std::vector{AuthMechanism::Login, AuthMechanism::Plain, AuthMechanism::CramMd5}));
}

TEST(Extensions, TakeAnUnreadableSizeAsNoLimit) {
    for (const std::string_view size :
         {"SIZE", "SIZE 0", "SIZE x", "SIZE -1", "SIZE 10k", "SIZE 18446744073709551616"}) {
        EXPECT_EQ(parse_ehlo_reply(Reply(250, "mx\n" + std::string(size))).size, std::nullopt) << size;
    }
    EXPECT_EQ(parse_ehlo_reply(Reply(250, "mx\nSIZE 18446744073709551615")).size, UINT64_MAX);
}

TEST(Extensions, AreNoneInAnEmptyReply) {
    const auto seen = parse_ehlo_reply(Reply(250, ""));
    EXPECT_TRUE(seen.name.empty());
    EXPECT_FALSE(seen.pipelining || seen.starttls || seen.chunking);
}

}  // namespace
}  // namespace posthouse::protocol
