#include "protocol/envelope_parameters.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace posthouse::protocol {
namespace {

TEST(MailParameters, AreAllRead) {
    command::Mail mail;
    ASSERT_FALSE(parse_mail_parameters(
        "SIZE=1000  body=8bitmime SMTPUTF8 RET=HDRS ENVID=QQ+2B1 AUTH=a+40example.org", mail));
    EXPECT_EQ(mail.size, 1000U);
    EXPECT_EQ(mail.body, BodyType::EightBitMime);
    EXPECT_TRUE(mail.smtputf8);
    EXPECT_EQ(mail.dsn_return, DsnReturn::Headers);
    EXPECT_EQ(mail.envelope_id, "QQ+2B1");
    EXPECT_EQ(mail.auth, "a@example.org");
}

TEST(MailParameters, MayBeAbsent) {
    command::Mail mail;
    ASSERT_FALSE(parse_mail_parameters("", mail));
    EXPECT_FALSE(mail.size || mail.auth);
    EXPECT_EQ(mail.dsn_return, DsnReturn::Unset);
}

TEST(MailParameters, TakeTheExtremes) {
    command::Mail mail;
    EXPECT_FALSE(parse_mail_parameters("SIZE=18446744073709551615 AUTH=<> RET=full BODY=7BIT", mail));
    EXPECT_EQ(mail.size, UINT64_MAX);
    EXPECT_EQ(mail.auth, "");
    EXPECT_EQ(mail.dsn_return, DsnReturn::Full);
    EXPECT_FALSE(parse_mail_parameters("ENVID=" + std::string(100, 'x'), mail));
}

TEST(RcptParameters, AreAllRead) {
    Recipient recipient;
    ASSERT_FALSE(
        parse_rcpt_parameters("NOTIFY=success,DELAY ORCPT=rfc822;a+2Bb@example.org", false, recipient));
    EXPECT_EQ(recipient.notify, kNotifySuccess | kNotifyDelay);
    EXPECT_EQ(recipient.original_recipient, "rfc822;a+2Bb@example.org");

    Recipient never;
    ASSERT_FALSE(parse_rcpt_parameters("NOTIFY=NEVER", false, never));
    EXPECT_EQ(never.notify, kNotifyNever);

    Recipient international;
    ASSERT_FALSE(parse_rcpt_parameters("ORCPT=utf-8;\xc3\xa9@example.org", true, international));
    EXPECT_EQ(international.original_recipient, "utf-8;\xc3\xa9@example.org");
}

struct Refused {
    std::string name;
    std::string parameters;
    std::uint16_t code;
};

class RefusedMailParameter : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedMailParameter, GetsItsReply) {
    command::Mail mail;
    const auto refusal = parse_mail_parameters(GetParam().parameters, mail);
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->code, GetParam().code) << to_line(*refusal);
}

INSTANTIATE_TEST_SUITE_P(
    Table, RefusedMailParameter,
    ::testing::Values(
        Refused{"Unknown", "FOO=bar", 555}, Refused{"UnknownWithoutValue", "FOO", 555},
        Refused{"NotifyOnMail", "NOTIFY=NEVER", 555}, Refused{"Twice", "SIZE=1 size=1", 501},
        Refused{"NoKeyword", "=1", 501}, Refused{"HyphenFirst", "-A=1", 501},
        Refused{"TwoEquals", "SIZE=1=2", 501}, Refused{"OddKeyword", "SI_ZE=1", 501},
        Refused{"SizeEmpty", "SIZE=", 501}, Refused{"SizeMissing", "SIZE", 501},
        Refused{"SizeNegative", "SIZE=-1", 501}, Refused{"SizePlus", "SIZE=+1", 501},
        Refused{"SizeHex", "SIZE=0x10", 501}, Refused{"SizeLetters", "SIZE=10k", 501},
        Refused{"SizeOverflows", "SIZE=18446744073709551616", 552},
        Refused{"SizeManyDigits", "SIZE=000000000000000000001", 501}, Refused{"BodyOther", "BODY=9BIT", 501},
        Refused{"BodyEmpty", "BODY", 501}, Refused{"BodyBinary", "BODY=BINARYMIME", 555},
        Refused{"Smtputf8Value", "SMTPUTF8=1", 501}, Refused{"RetOther", "RET=BODY", 501},
        Refused{"EnvidBroken", "ENVID=a+4", 501}, Refused{"EnvidCrLf", "ENVID=a+0D+0ARCPT", 501},
        Refused{"EnvidNul", "ENVID=a+00", 501}, Refused{"EnvidEightBit", "ENVID=a+C3+A9", 501},
        Refused{"EnvidEmpty", "ENVID=", 501}, Refused{"EnvidMissing", "ENVID", 501},
        Refused{"EnvidLong", "ENVID=" + std::string(101, 'x'), 501}, Refused{"AuthBroken", "AUTH=a+", 501},
        Refused{"AuthCrLf", "AUTH=a+0D+0A", 501}, Refused{"AuthMissing", "AUTH", 501}),
    [](const auto& tested) { return tested.param.name; });

class RefusedRcptParameter : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedRcptParameter, GetsItsReply) {
    Recipient recipient;
    const auto refusal = parse_rcpt_parameters(GetParam().parameters, true, recipient);
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->code, GetParam().code) << to_line(*refusal);
}

INSTANTIATE_TEST_SUITE_P(
    Table, RefusedRcptParameter,
    ::testing::Values(
        Refused{"Unknown", "FOO=bar", 555}, Refused{"SizeOnRcpt", "SIZE=1", 555},
        Refused{"Twice", "NOTIFY=DELAY NOTIFY=DELAY", 501}, Refused{"NotifyEmpty", "NOTIFY=", 501},
        Refused{"NotifyMissing", "NOTIFY", 501}, Refused{"NotifyOther", "NOTIFY=ALWAYS", 501},
        Refused{"NotifyComma", "NOTIFY=SUCCESS,", 501}, Refused{"NeverWithOthers", "NOTIFY=NEVER,DELAY", 501},
        Refused{"OthersWithNever", "NOTIFY=FAILURE,NEVER", 501}, Refused{"OrcptNoType", "ORCPT=;a@b", 501},
        Refused{"OrcptNoAddress", "ORCPT=rfc822;", 501}, Refused{"OrcptNoSemicolon", "ORCPT=a@b", 501},
        Refused{"OrcptOddType", "ORCPT=r f;a@b", 501}, Refused{"OrcptCrLf", "ORCPT=rfc822;a+0D+0Ab", 501},
        Refused{"OrcptNul", "ORCPT=rfc822;a+00b", 501}, Refused{"OrcptBroken", "ORCPT=rfc822;a+4", 501},
        Refused{"OrcptEightBitType", "ORCPT=rfc822;\xc3\xa9@b", 501},
        Refused{"OrcptBadUtf8", "ORCPT=utf-8;\xe9@b", 501}, Refused{"OrcptC1", "ORCPT=utf-8;\xc2\x85@b", 501},
        Refused{"OrcptLong", "ORCPT=rfc822;" + std::string(500, 'x'), 501}),
    [](const auto& tested) { return tested.param.name; });

TEST(RcptParameters, TakeUtf8OnlyWithSmtputf8) {
    Recipient recipient;
    EXPECT_TRUE(parse_rcpt_parameters("ORCPT=utf-8;\xc3\xa9@example.org", false, recipient));
}

}  // namespace
}  // namespace posthouse::protocol
