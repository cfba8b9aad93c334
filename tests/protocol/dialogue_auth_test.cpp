// SASL's vectors, and AUTH as ClientDialogue does it.
#include "dialogue_conversation.h"
#include "protocol/base64.h"
#include "protocol/sasl.h"

#include <gtest/gtest.h>

#include <ostream>

namespace posthouse::protocol::testing {
namespace {

const Credentials kPencil{.login = "user", .secret = "pencil", .is_token = false};
const std::string kNonce = "rOprNGfwEbeRWgbNEkqO";

// RFC 7677 3
const std::string kServerFirst =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const std::string kClientFinal =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const std::string kServerFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

TEST(Sasl, ScramSha256GivesTheVectorsOfRfc7677) {
    SaslClient client(AuthMechanism::ScramSha256, kPencil, kNonce);
    EXPECT_EQ(client.initial_response().value(), "n,,n=user,r=" + kNonce);
    EXPECT_EQ(client.respond(kServerFirst).value(), kClientFinal);
    EXPECT_FALSE(client.succeeded());
    EXPECT_EQ(client.respond(kServerFinal).value(), "");
    EXPECT_TRUE(client.succeeded());
}

TEST(Sasl, ScramSha256RefusesChallengesThatAreNotRight) {
    const struct {
        const char* name;
        const char* challenge;
    } cases[] = {
        {"empty", ""},
        {"another nonce", "r=xOprNGfwEbeRWgbNEkqOxxx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"},
        {"our nonce alone", "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"},
        {"no salt", "r=rOprNGfwEbeRWgbNEkqOxxx,i=4096"},
        {"empty salt", "r=rOprNGfwEbeRWgbNEkqOxxx,s=,i=4096"},
        {"salt that is no base64", "r=rOprNGfwEbeRWgbNEkqOxxx,s=W22,i=4096"},
        {"too few iterations", "r=rOprNGfwEbeRWgbNEkqOxxx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4095"},
        {"endless iterations", "r=rOprNGfwEbeRWgbNEkqOxxx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4294967295"},
        {"iterations over 32 bits", "r=rOprNGfwEbeRWgbNEkqOxxx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4294971392"},
        {"iterations with a tail", "r=rOprNGfwEbeRWgbNEkqOxxx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096x"},
        {"mandatory extension", "m=new,r=rOprNGfwEbeRWgbNEkqOxxx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"},
    };
    for (const auto& test : cases) {
        SaslClient client(AuthMechanism::ScramSha256, kPencil, kNonce);
        static_cast<void>(client.initial_response());
        EXPECT_FALSE(client.respond(test.challenge)) << test.name;
    }
}

TEST(Sasl, ScramSha256DemandsTheServersProof) {
    for (const std::string final :
         {"v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "v=", "v=6rri", "x", ""}) {
        SaslClient client(AuthMechanism::ScramSha256, kPencil, kNonce);
        static_cast<void>(client.initial_response());
        static_cast<void>(client.respond(kServerFirst));
        EXPECT_FALSE(client.respond(final)) << final;
        EXPECT_FALSE(client.succeeded()) << final;
    }
}

TEST(Sasl, ScramSha256EscapesCommaAndEqualsInTheLogin) {
    const Credentials credentials{.login = "a=b,c", .secret = "x", .is_token = false};
    SaslClient client(AuthMechanism::ScramSha256, credentials, kNonce);
    EXPECT_EQ(client.initial_response().value(), "n,,n=a=3Db=2Cc,r=" + kNonce);
}

TEST(Sasl, CramMd5GivesTheVectorOfRfc2195) {
    const Credentials credentials{.login = "tim", .secret = "tanstaaftanstaaf", .is_token = false};
    SaslClient client(AuthMechanism::CramMd5, credentials, "");
    EXPECT_EQ(client.initial_response().value(), std::nullopt);
    EXPECT_EQ(client.respond("<1896.697170952@postoffice.reston.mci.net>").value(),
              "tim b913a602c7eda7a495b4e6e7334d3890");
    EXPECT_FALSE(client.respond("again"));
}

TEST(Sasl, OAuthMessagesAreFramedAndTheRefusalIsAnswered) {
    const Credentials credentials{.login = "me@example.org", .secret = "vF9dft4qmT", .is_token = true};
    SaslClient xoauth2(AuthMechanism::XOAuth2, credentials, "");
    EXPECT_EQ(xoauth2.initial_response().value(),
              "user=me@example.org\x01"
              "auth=Bearer vF9dft4qmT\x01\x01");
    EXPECT_EQ(xoauth2.respond("{\"status\":\"400\"}").value(), "");
    EXPECT_EQ(xoauth2.server_error(), "{\"status\":\"400\"}");
    EXPECT_FALSE(xoauth2.respond("again"));

    SaslClient bearer(AuthMechanism::OAuthBearer, credentials, "");
    EXPECT_EQ(bearer.initial_response().value(),
              "n,a=me@example.org,\x01"
              "auth=Bearer vF9dft4qmT\x01\x01");
    EXPECT_EQ(bearer.respond("{\"status\":\r\n\"invalid_token\"}").value(), "\x01");
    EXPECT_EQ(bearer.server_error(), "{\"status\":  \"invalid_token\"}");
}

TEST(Sasl, RefusesCredentialsThatCannotBeFramed) {
    const Credentials cases[] = {
        {"", "x", false}, {"a", "", false}, {std::string("a\0b", 3), "x", false}, {"a", "x\n", false}};
    for (const Credentials& credentials : cases) {
        SaslClient client(AuthMechanism::Plain, credentials, "");
        EXPECT_FALSE(client.initial_response());
    }
}

TEST(Sasl, KnowsMechanismsByTheirNamesInAnyCase) {
    for (const auto mechanism :
         {AuthMechanism::Plain, AuthMechanism::Login, AuthMechanism::CramMd5, AuthMechanism::ScramSha256,
          AuthMechanism::XOAuth2, AuthMechanism::OAuthBearer}) {
        EXPECT_EQ(parse_auth_mechanism(to_string(mechanism)), mechanism);
    }
    EXPECT_EQ(parse_auth_mechanism("scram-sha-256"), AuthMechanism::ScramSha256);
    EXPECT_EQ(parse_auth_mechanism("SCRAM-SHA-256-PLUS"), std::nullopt);
    EXPECT_EQ(parse_auth_mechanism(""), std::nullopt);
}

TEST(Sasl, WipingLeavesNoCharacterBehind) {
    std::string secret = "correct horse battery staple";
    const char* at = secret.data();
    const std::size_t size = secret.size();
    wipe(secret);
    EXPECT_TRUE(secret.empty());
    for (std::size_t i = 0; i < size; ++i)
        EXPECT_EQ(at[i], '\0');
}

// --- in the dialogue ---

struct AuthCase {
    std::string name;
    std::string offered;
    std::vector<Exchanged> steps;  // from the answer to EHLO on
    bool encrypted = true;
    bool allow_in_clear = false;
    bool token = false;
    std::vector<AuthMechanism> mechanisms = {};
};

void PrintTo(const AuthCase& test, std::ostream* out) {
    *out << test.name;
}

class DialogueAuth : public ::testing::TestWithParam<AuthCase> {};

TEST_P(DialogueAuth, GoesAsWritten) {
    const AuthCase& test = GetParam();
    ClientOptions options = plain_options();
    options.implicit_tls = test.encrypted;
    options.allow_auth_in_clear = test.allow_in_clear;
    options.credentials = Credentials{.login = "user", .secret = "pencil", .is_token = test.token};
    options.mechanisms = test.mechanisms;
    std::vector<Exchanged> steps{{"220 up", "Send EHLO me\\r\\n"}};
    steps.push_back({"250-up\n250 AUTH " + test.offered, test.steps.front().does});
    steps.insert(steps.end(), test.steps.begin() + 1, test.steps.end());
    play({options, small_transaction(), steps});
}

std::string send(const std::string& line) {
    return "Send " + line + "\\r\\n";
}
std::string encoded(const std::string& text) {
    return base64_encode(text);
}

const std::string kPlain = send("AUTH PLAIN " + encoded(std::string("\0user\0pencil", 12)));
const std::string kRefusedText = "Send QUIT\\r\\n | Failed auth ";

INSTANTIATE_TEST_SUITE_P(
    All, DialogueAuth,
    ::testing::Values(
        AuthCase{"PlainBeforeLoginAndCramInsideTls",
                 "CRAM-MD5 LOGIN PLAIN",
                 {{"", kPlain}, {"235 welcome", "Ready"}}},
        AuthCase{"ScramBeforeAllOthers",
                 "PLAIN LOGIN SCRAM-SHA-256",
                 {{"", send("AUTH SCRAM-SHA-256 " + encoded("n,,n=user,r=" + kNonce))},
                  {"334 " + encoded(kServerFirst), send(encoded(kClientFinal))},
                  {"334 " + encoded(kServerFinal), "Send \\r\\n"},
                  {"235 welcome", "Ready"}}},
        AuthCase{"ScramWithoutProofIsNoLogin",
                 "SCRAM-SHA-256",
                 {{"", send("AUTH SCRAM-SHA-256 " + encoded("n,,n=user,r=" + kNonce))},
                  {"334 " + encoded(kServerFirst), send(encoded(kClientFinal))},
                  {"235 welcome", kRefusedText + "235 login refused | Close"}}},
        AuthCase{"ScramRefusedTriesNothingWeaker",
                 "PLAIN SCRAM-SHA-256",
                 {{"", send("AUTH SCRAM-SHA-256 " + encoded("n,,n=user,r=" + kNonce))},
                  {"535 5.7.8 no", kRefusedText + "535 login refused | Close"}}},
        AuthCase{"ScramErrorMessage",
                 "SCRAM-SHA-256",
                 {{"", send("AUTH SCRAM-SHA-256 " + encoded("n,,n=user,r=" + kNonce))},
                  {"334 " + encoded(kServerFirst), send(encoded(kClientFinal))},
                  {"334 " + encoded("e=invalid-proof"), "Send \\r\\n"},
                  {"535 5.7.8 no", kRefusedText + "535 login refused | Close"}}},
        AuthCase{"ChallengeThatIsNoBase64",
                 "SCRAM-SHA-256",
                 {{"", send("AUTH SCRAM-SHA-256 " + encoded("n,,n=user,r=" + kNonce))},
                  {"334 what?", "Failed auth 334 | Close"}}},
        AuthCase{"Login",
                 "LOGIN",
                 {{"", "Send AUTH LOGIN\\r\\n"},
                  {"334 VXNlcm5hbWU6", send(encoded("user"))},
                  {"334 UGFzc3dvcmQ6", send(encoded("pencil"))},
                  {"235 welcome", "Ready"}}},
        AuthCase{"LoginWithPromptsInTheServersOwnWay",
                 "LOGIN",
                 {{"", "Send AUTH LOGIN\\r\\n"},
                  {"334 who are you", send(encoded("user"))},
                  {"334", send(encoded("pencil"))},
                  {"334 and your mother's name", "Failed auth 334 | Close"}}},
        AuthCase{"CramMd5",
                 "CRAM-MD5",
                 {{"", "Send AUTH CRAM-MD5\\r\\n"},
                  {"334 " + encoded("<1@x>"), send(encoded("user bdfab93bee9dfbacc4721675709a3e87"))},
                  {"235 welcome", "Ready"}}},
        AuthCase{"PlainAskedForAgain",
                 "PLAIN",
                 {{"", kPlain},
                  {"334 ", send(encoded(std::string("\0user\0pencil", 12)))},
                  {"334 ", "Failed auth 334 | Close"}}},
        AuthCase{"RefusedForGood",
                 "PLAIN",
                 {{"", kPlain}, {"535 5.7.8 no", kRefusedText + "535 login refused | Close"}}},
        AuthCase{"RefusedForNow",
                 "PLAIN",
                 {{"", kPlain}, {"454 4.7.0 later", kRefusedText + "454 login refused | Close"}}},
        AuthCase{"Closing421", "PLAIN", {{"", kPlain}, {"421 busy", "Failed auth 421 | Close"}}},
        AuthCase{"AnsweredWith250", "PLAIN", {{"", kPlain}, {"250 ok", "Failed auth 250 | Close"}}},
        AuthCase{"ClosedWithoutAnAnswer", "PLAIN", {{"", kPlain}, {"<close>", "Failed auth 0 | Close"}}},
        AuthCase{"NothingInCommon", "GSSAPI NTLM", {{"", kRefusedText + "0 login refused | Close"}}},
        AuthCase{"NeverInClear", "PLAIN CRAM-MD5", {{"", kRefusedText + "0 login refused | Close"}}, false},
        AuthCase{"InClearTheChallengeGoesFirst",
                 "PLAIN CRAM-MD5",
                 {{"", "Send AUTH CRAM-MD5\\r\\n"}},
                 false,
                 true},
        AuthCase{"OnlyTheMechanismsConfigured",
                 "PLAIN LOGIN SCRAM-SHA-256",
                 {{"", "Send AUTH LOGIN\\r\\n"}},
                 true,
                 false,
                 false,
                 {AuthMechanism::CramMd5, AuthMechanism::Login}},
        AuthCase{"NoneOfTheMechanismsConfigured",
                 "PLAIN LOGIN",
                 {{"", kRefusedText + "0 login refused | Close"}},
                 true,
                 false,
                 false,
                 {AuthMechanism::ScramSha256}},
        AuthCase{"TokenNeverGoesToAPasswordMechanism",
                 "PLAIN LOGIN",
                 {{"", kRefusedText + "0 login refused | Close"}},
                 true,
                 false,
                 true},
        AuthCase{"TokenRefusedWithReasons",
                 "PLAIN XOAUTH2",
                 {{"", send("AUTH XOAUTH2 " + encoded("user=user\x01"
                                                      "auth=Bearer pencil\x01\x01"))},
                  {"334 " + encoded("{\"status\":\"401\"}"), "Send \\r\\n"},
                  {"535 5.7.8 no", kRefusedText + "535 login refused | Close"}},
                 true,
                 false,
                 true},
        AuthCase{"BearerBeforeXOAuth2",
                 "XOAUTH2 OAUTHBEARER",
                 {{"", send("AUTH OAUTHBEARER " + encoded("n,a=user,\x01"
                                                          "auth=Bearer pencil\x01\x01"))},
                  {"334 " + encoded("{}"), send("AQ==")},
                  {"535 no", kRefusedText + "535 login refused | Close"}},
                 true,
                 false,
                 true}),
    [](const auto& test) { return test.param.name; });

TEST(ClientDialogue, SendsALongTokenOnlyWhenItIsAskedFor) {
    // RFC 4954 4: with it the AUTH command would be longer than 512 octets.
    const std::string token(2000, 't');
    ClientOptions options = plain_options();
    options.implicit_tls = true;
    options.credentials = Credentials{.login = "user", .secret = token, .is_token = true};
    const std::string message = encoded(
        "user=user\x01"
        "auth=Bearer " +
        token + "\x01\x01");
    play({options,
          small_transaction(),
          {{"220 up", "Send EHLO me\\r\\n"},
           {"250-up\n250 AUTH XOAUTH2", "Send AUTH XOAUTH2\\r\\n"},
           {"334 ", send(message)},
           {"235 ok", "Ready"}}});
}

TEST(ClientDialogue, LogsInAfterStartTlsAndNeverBefore) {
    ClientOptions options = plain_options();
    options.starttls = true;
    options.credentials = Credentials{.login = "user", .secret = "pencil", .is_token = false};
    play({options,
          small_transaction(),
          {{"220 up", "Send EHLO me\\r\\n"},
           {"250-up\n250-AUTH PLAIN\n250 STARTTLS", "Send STARTTLS\\r\\n"},
           {"220 go", "StartTls"},
           {"<tls>", "Send EHLO me\\r\\n"},
           {"250-up\n250 AUTH PLAIN", kPlain},
           {"235 welcome", "Ready"},
           {"<start>", "Send MAIL FROM:<a@example.org>\\r\\n"}}});
    play({options,
          small_transaction(),
          {{"220 up", "Send EHLO me\\r\\n"},
           {"250-up\n250 AUTH PLAIN", "Send QUIT\\r\\n | Failed starttls 0 | Close"}}});
}

}  // namespace
}  // namespace posthouse::protocol::testing
