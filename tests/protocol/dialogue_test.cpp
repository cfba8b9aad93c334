// ClientDialogue by conversations: the way to Ready, and transactions under each set of extensions.
#include "dialogue_conversation.h"
#include "protocol/client_dialogue.h"

#include <gtest/gtest.h>

#include <ostream>

namespace posthouse::protocol::testing {
namespace {

using Steps = std::vector<Exchanged>;

// The way to Ready in clear, with these extensions.
Steps with_extensions(const std::string& extensions, Steps then) {
    Steps steps{{"220 up", "Send EHLO me\\r\\n"}};
    std::string reply = "250-up.example";
    std::string rest = extensions;
    while (!rest.empty()) {
        const auto comma = rest.find(',');
        reply += "\n250-" + rest.substr(0, comma);
        rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
    }
    reply += "\n250 HELP";
    steps.push_back({reply, "Ready"});
    steps.insert(steps.end(), then.begin(), then.end());
    return steps;
}

struct Case {
    std::string name;
    Conversation conversation;
};

Transaction two_recipients() {
    Transaction transaction = small_transaction();
    transaction.recipients.push_back(
        Recipient{.address = "c@example.net", .notify = 0, .original_recipient = {}});
    return transaction;
}

void PrintTo(const Case& test, std::ostream* out) {
    *out << test.name;
}

class DialogueConversation : public ::testing::TestWithParam<Case> {};

TEST_P(DialogueConversation, GoesAsWritten) {
    play(GetParam().conversation);
}

Case plain(std::string name, Steps steps, Transaction transaction = small_transaction()) {
    return {std::move(name), {plain_options(), std::move(transaction), std::move(steps)}};
}

Case starttls(std::string name, Steps steps) {
    ClientOptions options = plain_options();
    options.starttls = true;
    return {std::move(name), {options, small_transaction(), std::move(steps)}};
}

INSTANTIATE_TEST_SUITE_P(
    Beginning, DialogueConversation,
    ::testing::Values(
        plain("RefusedAtGreeting", {{"554 no", "Send QUIT\\r\\n | Failed greeting 554 | Close"}}),
        plain("TemporarilyRefusedAtGreeting",
              {{"450 later", "Send QUIT\\r\\n | Failed greeting 450 | Close"}}),
        plain("Closing421AtGreeting", {{"421 busy", "Failed greeting 421 | Close"}}),
        plain("GreetingOfAnotherKind", {{"250 hm", "Send QUIT\\r\\n | Failed greeting 250 | Close"}}),
        plain("AnotherProtocol", {{"SSH-2.0-OpenSSH_9.2", "Failed greeting 0 | Close"}}),
        plain("ClosedAtGreeting", {{"<close>", "Failed greeting 0 | Close"}}),
        plain("SilentAtGreeting", {{"<deadline>", "Failed greeting 0 | Close"}}),
        plain("OldServerIsSpokenToInHelo", {{"220 up", "Send EHLO me\\r\\n"},
                                            {"502 what", "Send HELO me\\r\\n"},
                                            {"250 up.example", "Ready"},
                                            {"<start>", "Send MAIL FROM:<a@example.org>\\r\\n"}}),
        plain("HeloRefusedToo", {{"220 up", "Send EHLO me\\r\\n"},
                                 {"500 what", "Send HELO me\\r\\n"},
                                 {"550 go away", "Send QUIT\\r\\n | Failed ehlo 550 | Close"}}),
        plain("EhloRefusedForNowIsNoOldServer",
              {{"220 up", "Send EHLO me\\r\\n"}, {"451 later", "Send QUIT\\r\\n | Failed ehlo 451 | Close"}}),
        starttls("NoHeloWhereTlsIsDemanded", {{"220 up", "Send EHLO me\\r\\n"},
                                              {"502 what", "Send QUIT\\r\\n | Failed ehlo 502 | Close"}}),
        starttls("StartTlsThenEhloAgain", {{"220 up", "Send EHLO me\\r\\n"},
                                           {"250-up\n250-PIPELINING\n250 STARTTLS", "Send STARTTLS\\r\\n"},
                                           {"220 go", "StartTls"},
                                           {"<tls>", "Send EHLO me\\r\\n"},
                                           {"250 up", "Ready"},
                                           // PIPELINING was offered in clear only: forgotten.
                                           {"<start>", "Send MAIL FROM:<a@example.org>\\r\\n"}}),
        starttls("StartTlsNotOffered", {{"220 up", "Send EHLO me\\r\\n"},
                                        {"250 up", "Send QUIT\\r\\n | Failed starttls 0 | Close"}}),
        starttls("StartTlsRefused", {{"220 up", "Send EHLO me\\r\\n"},
                                     {"250-up\n250 STARTTLS", "Send STARTTLS\\r\\n"},
                                     {"454 later", "Send QUIT\\r\\n | Failed starttls 454 | Close"}}),
        starttls("HandshakeFailed", {{"220 up", "Send EHLO me\\r\\n"},
                                     {"250-up\n250 STARTTLS", "Send STARTTLS\\r\\n"},
                                     {"220 go", "StartTls"},
                                     {"<tls failed>", "Failed tls 0 | Close"}}),
        starttls("ClosedInTheHandshake", {{"220 up", "Send EHLO me\\r\\n"},
                                          {"250-up\n250 STARTTLS", "Send STARTTLS\\r\\n"},
                                          {"220 go", "StartTls"},
                                          {"<close>", "Failed tls 0 | Close"}}),
        plain("UnaskedReplyInReady", with_extensions("", {{"250 surprise", "Failed mail 250 | Close"}})),
        plain("Closing421InReady", with_extensions("", {{"421 idle too long", "Failed mail 421 | Close"}})),
        plain("ClosedInReady", with_extensions("", {{"<close>", "Failed mail 0 | Close"}})),
        plain("Quit", with_extensions("", {{"<quit>", "Send QUIT\\r\\n"}, {"221 bye", "Close"}})),
        plain("QuitUnanswered",
              with_extensions("", {{"<quit>", "Send QUIT\\r\\n"}, {"<deadline>", "Close"}})),
        plain("QuitAnsweredWithNonsense",
              with_extensions("", {{"<quit>", "Send QUIT\\r\\n"}, {"bye", "Close"}})),
        plain("QuitAnsweredByClosing",
              with_extensions("", {{"<quit>", "Send QUIT\\r\\n"}, {"<close>", "Close"}}))),
    [](const auto& test) { return test.param.name; });

const std::string kMail = "MAIL FROM:<a@example.org>\\r\\n";
const std::string kRcptB = "RCPT TO:<b@example.net>\\r\\n";
const std::string kRcptC = "RCPT TO:<c@example.net>\\r\\n";
const std::string kBdat = "BDAT 7 LAST\\r\\n";

INSTANTIATE_TEST_SUITE_P(
    OneByOne, DialogueConversation,
    ::testing::Values(
        plain("EachCommandWaitsForItsAnswer",
              with_extensions("", {{"<start>", "Send " + kMail},
                                   {"250 ok", "Send " + kRcptB},
                                   {"250 ok", "Send DATA\\r\\n"},
                                   {"354 go", "Content"},
                                   {"<sent>", ""},
                                   {"250 2.0.0 queued as 7",
                                    "Done Delivered content 250 2.0.0; usable | Ready"}})),
        plain("BdatNeedsNoAnswerFirst",
              with_extensions("CHUNKING", {{"<start>", "Send " + kMail},
                                           {"250 ok", "Send " + kRcptB},
                                           {"250 ok", "Content chunked behind " + kBdat},
                                           {"<sent>", ""},
                                           {"250 ok", "Done Delivered content 250; usable | Ready"}})),
        plain("MailRefusedNeedsNoReset",
              with_extensions("", {{"<start>", "Send " + kMail},
                                   {"550 no", "Done Refused mail 550; usable | Ready"},
                                   {"<start>", "Send " + kMail}})),
        plain("AllRefusedResetsBeforeTheNext",
              with_extensions("", {{"<start>", "Send " + kMail},
                                   {"250 ok", "Send " + kRcptB},
                                   {"550 5.1.1 no", "Done Refused rcpt 550 5.1.1; usable | Ready"},
                                   {"<start>", "Send RSET\\r\\n"},
                                   {"250 ok", "Send " + kMail}})),
        plain("DataRefused", with_extensions("", {{"<start>", "Send " + kMail},
                                                  {"250 ok", "Send " + kRcptB},
                                                  {"250 ok", "Send DATA\\r\\n"},
                                                  {"451 no", "Done Refused data 451; usable | Ready"},
                                                  {"<start>", "Send RSET\\r\\n"},
                                                  {"500 what",
                                                   "Send QUIT\\r\\n | Done NotTried mail 500; over"
                                                   " | Failed mail 500 | Close"}})),
        plain("ContentRefused",
              with_extensions("", {{"<start>", "Send " + kMail},
                                   {"250 ok", "Send " + kRcptB},
                                   {"250 ok", "Send DATA\\r\\n"},
                                   {"354 go", "Content"},
                                   {"<sent>", ""},
                                   {"554 5.7.1 spam", "Done Refused content 554 5.7.1; usable | Ready"}}))),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Pipelined, DialogueConversation,
    ::testing::Values(
        plain("EnvelopeAndDataInOneWrite",
              with_extensions("PIPELINING", {{"<start>", "Send " + kMail + kRcptB + "DATA\\r\\n"},
                                             {"250 ok\n250 ok\n354 go", "Content"},
                                             {"<sent>", ""},
                                             {"250 ok", "Done Delivered content 250; usable | Ready"},
                                             {"<start>", "Send " + kMail + kRcptB + "DATA\\r\\n"}})),
        plain("EverythingInOneWriteWithChunking",
              with_extensions("PIPELINING,CHUNKING",
                              {{"<start>", "Content chunked behind " + kMail + kRcptB + kBdat},
                               {"<sent>", ""},
                               {"250 ok\n250 ok\n250 ok", "Done Delivered content 250; usable | Ready"}})),
        plain("SomeRefused",
              with_extensions("PIPELINING",
                              {{"<start>", "Send " + kMail + kRcptB + kRcptC + "DATA\\r\\n"},
                               {"250 ok\n550 5.1.1 no\n250 ok\n354 go", "Content"},
                               {"<sent>", ""},
                               {"250 ok",
                                "Done Refused rcpt 550 5.1.1, Delivered content 250; usable | Ready"}}),
              two_recipients()),
        plain("AllRefusedAndDataToo",
              with_extensions("PIPELINING",
                              {{"<start>", "Send " + kMail + kRcptB + "DATA\\r\\n"},
                               {"250 ok\n550 no\n554 no valid recipients",
                                "Done Refused rcpt 550; usable | Ready"},
                               {"<start>", "Send RSET\\r\\n" + kMail + kRcptB + "DATA\\r\\n"}})),
        plain("AllRefusedAndYet354",
              with_extensions("PIPELINING",
                              {{"<start>", "Send " + kMail + kRcptB + "DATA\\r\\n"},
                               {"250 ok\n550 no\n354 go", "Send .\\r\\n"},
                               {"554 no valid recipients", "Done Refused rcpt 550; usable | Ready"}})),
        plain("MailRefusedAndYet354",
              with_extensions("PIPELINING",
                              {{"<start>", "Send " + kMail + kRcptB + "DATA\\r\\n"},
                               {"550 no\n503 no\n354 go", "Send .\\r\\n"},
                               {"250 queued nothing", "Done Refused mail 550; usable | Ready"}})),
        plain("AllRefusedUnderBdat",
              with_extensions("PIPELINING,CHUNKING",
                              {{"<start>", "Content chunked behind " + kMail + kRcptB + kBdat},
                               {"250 ok\n550 no\n554 no valid recipients", ""},
                               {"<sent>", "Done Refused rcpt 550; usable | Ready"},
                               {"<start>", "Content chunked behind RSET\\r\\n" + kMail + kRcptB + kBdat}})),
        plain("MailRefusedUnderBdat",
              with_extensions("PIPELINING,CHUNKING",
                              {{"<start>", "Content chunked behind " + kMail + kRcptB + kBdat},
                               {"<sent>", ""},
                               {"451 no\n503 no\n503 no", "Done Refused mail 451; usable | Ready"}})),
        plain("TooManyRecipientsAs552IsTemporary",
              with_extensions("PIPELINING",
                              {{"<start>", "Send " + kMail + kRcptB + kRcptC + "DATA\\r\\n"},
                               {"250 ok\n250 ok\n552 too many\n354 go", "Content"},
                               {"<sent>", ""},
                               {"250 ok",
                                "Done Delivered content 250, Refused rcpt 452 4.5.3; usable | Ready"}}),
              two_recipients()),
        plain("FullMailboxAs552StaysPermanent",
              with_extensions("PIPELINING", {{"<start>", "Send " + kMail + kRcptB + "DATA\\r\\n"},
                                             {"250 ok\n552 5.2.2 full\n503 no",
                                              "Done Refused rcpt 552 5.2.2; usable | Ready"}}))),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Broken, DialogueConversation,
    ::testing::Values(
        plain("Closing421AtRcptLeavesTheOthersUntried",
              with_extensions("PIPELINING",
                              {{"<start>", "Send " + kMail + kRcptB + kRcptC + "DATA\\r\\n"},
                               {"250 ok\n550 no\n421 busy",
                                "Done Refused rcpt 550, NotTried rcpt 421; over | Failed rcpt 421 | Close"}}),
              two_recipients()),
        plain("Closing421BehindTheContentIsAnAnswer",
              with_extensions("PIPELINING,CHUNKING",
                              {{"<start>", "Content chunked behind " + kMail + kRcptB + kBdat},
                               {"<sent>", ""},
                               {"250 ok\n250 ok\n421 shutting down",
                                "Done NotTried content 421; over | Failed content 421 | Close"}})),
        plain("ClosedBehindTheContentIsUncertain",
              with_extensions("",
                              {{"<start>", "Send " + kMail},
                               {"250 ok", "Send " + kRcptB},
                               {"250 ok", "Send DATA\\r\\n"},
                               {"354 go", "Content"},
                               {"<sent>", ""},
                               {"<close>", "Done Uncertain content 0; over | Failed content 0 | Close"}})),
        plain("SilentBehindTheContentIsUncertain",
              with_extensions("PIPELINING,CHUNKING",
                              {{"<start>", "Content chunked behind " + kMail + kRcptB + kBdat},
                               {"<sent>", ""},
                               {"<deadline>", "Done Uncertain content 0; over | Failed mail 0 | Close"}})),
        plain("ClosedWhileStreamingIsNotTried",
              with_extensions("PIPELINING",
                              {{"<start>", "Send " + kMail + kRcptB + "DATA\\r\\n"},
                               {"250 ok\n250 ok\n354 go", "Content"},
                               {"<close>", "Done NotTried content 0; over | Failed content 0 | Close"},
                               {"<sent>", ""}})),
        plain("LastWordsWhileStreamingAreHeard",
              with_extensions("PIPELINING",
                              {{"<start>", "Send " + kMail + kRcptB + "DATA\\r\\n"},
                               {"250 ok\n250 ok\n354 go", "Content"},
                               {"552 5.3.4 too big", ""},
                               {"<close>",
                                "Done Refused content 552 5.3.4; over | Failed content 0 | Close"}})),
        plain(
            "RefusedRecipientsWhileStreamingAreHeard",
            with_extensions("PIPELINING,CHUNKING",
                            {{"<start>", "Content chunked behind " + kMail + kRcptB + kRcptC + kBdat},
                             {"250 ok\n550 no\n250 ok", ""},
                             {"<close>",
                              "Done Refused rcpt 550, NotTried content 0; over | Failed content 0 | Close"}}),
            two_recipients()),
        plain("UnreadableContentEndsTheConnection",
              with_extensions("PIPELINING,CHUNKING",
                              {{"<start>", "Content chunked behind " + kMail + kRcptB + kBdat},
                               {"<disk>", "Done NotTried content 0; over | Failed content 0 | Close"}})),
        plain("AcceptedBeforeItWasComplete",
              with_extensions("PIPELINING",
                              {{"<start>", "Send " + kMail + kRcptB + "DATA\\r\\n"},
                               {"250 ok\n250 ok\n354 go", "Content"},
                               {"250 thanks", ""},
                               {"<close>", "Done NotTried content 250; over | Failed content 250 | Close"}})),
        plain("DataAnsweredWith250",
              with_extensions("PIPELINING", {{"<start>", "Send " + kMail + kRcptB + "DATA\\r\\n"},
                                             {"250 ok\n250 ok\n250 ok",
                                              "Done NotTried data 250; over | Failed data 250 | Close"}})),
        plain("ContentAnsweredWith354",
              with_extensions("PIPELINING",
                              {{"<start>", "Send " + kMail + kRcptB + "DATA\\r\\n"},
                               {"250 ok\n250 ok\n354 go", "Content"},
                               {"<sent>", ""},
                               {"354 more",
                                "Done Uncertain content 354; over | Failed content 354 | Close"}})),
        plain("MailAnsweredWith354",
              with_extensions("", {{"<start>", "Send " + kMail},
                                   {"354 go", "Done NotTried mail 354; over | Failed mail 354 | Close"}})),
        plain("GarbageInsteadOfAReply",
              with_extensions("", {{"<start>", "Send " + kMail},
                                   {"hello there", "Done NotTried mail 0; over | Failed mail 0 | Close"}})),
        plain("AnotherCodeInsideAReply",
              with_extensions("",
                              {{"<start>", "Send " + kMail},
                               {"250-one\n550 two", "Done NotTried mail 0; over | Failed mail 0 | Close"}}))),
    [](const auto& test) { return test.param.name; });

TEST(ClientDialogue, IgnoresWhatWasInjectedBehindTheAnswerToStartTls) {
    ClientOptions options = plain_options();
    options.starttls = true;
    ClientDialogue client(options);
    const auto said = [&client] { return describe(client.next_action()); };
    client.receive("220 up\r\n");
    EXPECT_EQ(said(), "Send EHLO me\\r\\n");
    client.receive("250-up\r\n250 STARTTLS\r\n");
    EXPECT_EQ(said(), "Send STARTTLS\\r\\n");
    client.receive("220 go\r\n250-up\r\n250 AUTH PLAIN\r\n");
    EXPECT_EQ(said(), "Failed starttls 220");
    EXPECT_EQ(said(), "Close");
}

TEST(ClientDialogue, EndsWhenThereAreMoreRepliesThanCommands) {
    ClientDialogue client(plain_options());
    client.receive("220 up\r\n");
    EXPECT_EQ(describe(client.next_action()), "Send EHLO me\\r\\n");
    client.receive("250 up\r\n");
    EXPECT_EQ(describe(client.next_action()), "Ready");
    client.start_transaction(small_transaction());
    EXPECT_EQ(describe(client.next_action()), "Send MAIL FROM:<a@example.org>\\r\\n");
    client.receive("550 no\r\n550 no\r\n");
    EXPECT_EQ(describe(client.next_action()), "Done Refused mail 550; usable");
    EXPECT_EQ(describe(client.next_action()), "Failed mail 550");
    EXPECT_EQ(describe(client.next_action()), "Close");
}

TEST(ClientDialogue, TakesNothingInClearDuringTheHandshake) {
    ClientOptions options = plain_options();
    options.starttls = true;
    ClientDialogue client(options);
    client.receive("220 up\r\n");
    static_cast<void>(client.next_action());
    client.receive("250-up\r\n250 STARTTLS\r\n");
    static_cast<void>(client.next_action());
    client.receive("220 go\r\n");
    EXPECT_EQ(describe(client.next_action()), "StartTls");
    client.receive("2");
    EXPECT_EQ(describe(client.next_action()), "Failed tls 0");
}

TEST(ClientDialogue, GivesUpOnAReplyWithoutEnd) {
    ClientDialogue client(plain_options());
    std::string answer;
    for (int i = 0; i < 1000 && answer.empty(); ++i) {
        client.receive("220-and another thing\r\n");
        answer = describe(client.next_action());
    }
    EXPECT_EQ(answer, "Failed greeting 0");
}

TEST(ClientDialogue, NamesTheDeadlineOfEachWait) {
    using Deadline = ClientDialogue::Deadline;
    ClientDialogue client(plain_options());
    const auto wait = [&client] {
        while (true) {
            const auto action = client.next_action();
            if (const auto* need = std::get_if<ClientDialogue::NeedInput>(&action)) return need->deadline;
        }
    };
    EXPECT_EQ(wait(), Deadline::Greeting);
    client.receive("220 up\r\n");
    EXPECT_EQ(wait(), Deadline::Command);
    client.receive("250 up\r\n");
    EXPECT_EQ(describe(client.next_action()), "Ready");
    client.start_transaction(small_transaction());
    EXPECT_EQ(wait(), Deadline::Command);
    client.receive("250 ok\r\n");
    EXPECT_EQ(wait(), Deadline::Command);
    client.receive("250 ok\r\n");
    EXPECT_EQ(wait(), Deadline::DataInit);
    client.receive("354 go\r\n");
    EXPECT_EQ(wait(), Deadline::DataBlock);
    client.content_sent();
    EXPECT_EQ(wait(), Deadline::FinalReply);
}

TEST(ClientDialogue, ReportsWhatTheServerOffers) {
    ClientDialogue client(plain_options());
    client.receive("220 up.example ESMTP\r\n");
    static_cast<void>(client.next_action());
    client.receive("250-up.example\r\n250-SIZE 1000\r\n250-DSN\r\n250 AUTH PLAIN FOO\r\n");
    EXPECT_EQ(describe(client.next_action()), "Ready");
    EXPECT_EQ(client.capabilities().name, "up.example");
    EXPECT_EQ(client.capabilities().size, 1000U);
    EXPECT_TRUE(client.capabilities().dsn);
    EXPECT_EQ(client.capabilities().auth, std::vector{AuthMechanism::Plain});
    EXPECT_FALSE(client.authenticated_with());
}

// What goes into MAIL and RCPT under which extensions.
struct ParameterCase {
    std::string name;
    std::string extensions;
    Transaction transaction;
    std::string does;
};

Transaction everything() {
    Transaction transaction = small_transaction();
    transaction.body = BodyType::EightBitMime;
    transaction.dsn_return = DsnReturn::Headers;
    transaction.envelope_id = "id+2B1";
    transaction.recipients[0].notify = kNotifySuccess | kNotifyDelay;
    transaction.recipients[0].original_recipient = "rfc822;b+40example.net";
    return transaction;
}

Transaction international(bool only_recipient) {
    Transaction transaction = two_recipients();
    transaction.recipients[0].address = "grün@example.net";
    if (!only_recipient) transaction.needs_smtputf8 = true;
    return transaction;
}

Transaction with(void (*change)(Transaction&)) {
    Transaction transaction = small_transaction();
    change(transaction);
    return transaction;
}

void PrintTo(const ParameterCase& test, std::ostream* out) {
    *out << test.name;
}

class DialogueParameters : public ::testing::TestWithParam<ParameterCase> {};

TEST_P(DialogueParameters, AreSentExactlyWhenOffered) {
    play({plain_options(), GetParam().transaction,
          with_extensions(GetParam().extensions, {{"<start>", GetParam().does}})});
}

INSTANTIATE_TEST_SUITE_P(
    All, DialogueParameters,
    ::testing::Values(
        ParameterCase{"NothingOffered", "PIPELINING,8BITMIME", everything(),
                      "Send MAIL FROM:<a@example.org> BODY=8BITMIME\\r\\n" + kRcptB + "DATA\\r\\n"},
        ParameterCase{
            "EverythingOffered", "PIPELINING,8BITMIME,SIZE 100,DSN,SMTPUTF8", everything(),
            "Send MAIL FROM:<a@example.org> SIZE=7 BODY=8BITMIME RET=HDRS ENVID=id+2B1\\r\\n"
            "RCPT TO:<b@example.net> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+40example.net\\r\\nDATA\\r\\n"},
        ParameterCase{"NotifyNever", "PIPELINING,DSN",
                      with([](Transaction& sent) { sent.recipients[0].notify = kNotifyNever; }),
                      "Send " + kMail + "RCPT TO:<b@example.net> NOTIFY=NEVER\\r\\nDATA\\r\\n"},
        ParameterCase{"NullSender", "PIPELINING", with([](Transaction& sent) { sent.sender.clear(); }),
                      "Send MAIL FROM:<>\\r\\n" + kRcptB + "DATA\\r\\n"},
        ParameterCase{"EightBitWithout8BitMime", "PIPELINING", everything(),
                      "Done Refused mail 550 5.6.3; usable | Ready"},
        ParameterCase{"LargerThanSize", "SIZE 6", small_transaction(),
                      "Done Refused mail 552 5.3.4; usable | Ready"},
        ParameterCase{"AsLargeAsSize", "SIZE 7", small_transaction(),
                      "Send MAIL FROM:<a@example.org> SIZE=7\\r\\n"},
        ParameterCase{"SizeWithoutLimit", "SIZE 0", small_transaction(), "Send " + kMail},
        ParameterCase{"Utf8Offered", "PIPELINING,SMTPUTF8,8BITMIME", international(true),
                      "Send MAIL FROM:<a@example.org> SMTPUTF8\\r\\nRCPT TO:<grün@example.net>\\r\\n" +
                          kRcptC + "DATA\\r\\n"},
        ParameterCase{"Utf8InTheHeaderNotOffered", "PIPELINING", international(false),
                      "Done Refused mail 550 5.6.7, Refused mail 550 5.6.7; usable | Ready"},
        ParameterCase{"Utf8InOneRecipientNotOffered", "PIPELINING", international(true),
                      "Send " + kMail + kRcptC + "DATA\\r\\n"},
        ParameterCase{"Utf8SenderNotOffered", "",
                      with([](Transaction& sent) { sent.sender = "grün@example.org"; }),
                      "Done Refused mail 550 5.6.7; usable | Ready"},
        // Nothing that comes from a damaged record may become a command of its own.
        ParameterCase{"LineEndInRecipient", "",
                      with([](Transaction& sent) { sent.recipients[0].address = "b@example.net>\r\nRSET"; }),
                      "Done Refused rcpt 501 5.1.3; usable | Ready"},
        ParameterCase{"LineEndInSender", "", with([](Transaction& sent) { sent.sender = "a\r\nRSET"; }),
                      "Done Refused mail 501 5.1.7; usable | Ready"},
        ParameterCase{"ParameterInRecipient", "",
                      with([](Transaction& sent) { sent.recipients[0].address = "b@example.net> FOO=BAR"; }),
                      "Done Refused rcpt 501 5.1.3; usable | Ready"},
        ParameterCase{"LineEndInDsnParameters", "DSN,PIPELINING", with([](Transaction& sent) {
                          sent.envelope_id = "x\r\nRSET";
                          sent.recipients[0].original_recipient = "rfc822;x FOO=BAR";
                      }),
                      "Send " + kMail + kRcptB + "DATA\\r\\n"},
        ParameterCase{"BlanksInQuotes", "",
                      with([](Transaction& sent) { sent.sender = "\"a > b\"@example.org"; }),
                      "Send MAIL FROM:<\"a > b\"@example.org>\\r\\n"}),
    [](const auto& test) { return test.param.name; });

TEST(ClientDialogue, SendsEightBitContentAnywayWhereToldSo) {
    ClientOptions options = plain_options();
    options.send_eight_bit_anyway = true;
    play({options, everything(),
          with_extensions("PIPELINING", {{"<start>", "Send " + kMail + kRcptB + "DATA\\r\\n"}})});
}

TEST(ClientDialogue, AsksBeforeItSendsLargeContentInChunks) {
    Transaction transaction = small_transaction();
    transaction.size = 1'000'000;
    play({plain_options(), transaction,
          with_extensions("PIPELINING,CHUNKING",
                          {{"<start>", "Send " + kMail + kRcptB},
                           {"250 ok\n250 ok", "Content chunked behind BDAT 1000000 LAST\\r\\n"},
                           {"<sent>", ""},
                           {"250 ok", "Done Delivered content 250; usable | Ready"}})});
    play({plain_options(), transaction,
          with_extensions("PIPELINING,CHUNKING",
                          {{"<start>", "Send " + kMail + kRcptB},
                           {"250 ok\n550 no", "Done Refused rcpt 550; usable | Ready"}})});
}

TEST(ClientDialogue, CutsLongGroupsSoThatNeitherSideBlocks) {
    Transaction transaction = small_transaction();
    transaction.recipients.assign(2000, transaction.recipients[0]);
    ClientDialogue client(plain_options());
    client.receive("220 up\r\n");
    static_cast<void>(client.next_action());
    client.receive("250-up\r\n250 PIPELINING\r\n");
    EXPECT_EQ(describe(client.next_action()), "Ready");
    client.start_transaction(transaction);
    std::size_t recipients = 0;
    std::size_t groups = 0;
    bool data = false;
    while (!data) {
        const auto action = client.next_action();
        const auto* send = std::get_if<ClientDialogue::Send>(&action);
        ASSERT_NE(send, nullptr) << describe(action);
        EXPECT_LE(send->bytes.size(), 17U * 1024);
        ++groups;
        std::string answers;
        std::string_view rest = send->bytes;
        while (!rest.empty()) {
            const std::string_view line = rest.substr(0, rest.find('\n') + 1);
            rest.remove_prefix(line.size());
            data = line == "DATA\r\n";
            recipients += line.starts_with("RCPT") ? 1 : 0;
            answers += data ? "354 go\r\n" : "250 ok\r\n";
        }
        client.receive(answers);
    }
    EXPECT_EQ(recipients, 2000U);
    EXPECT_GT(groups, 2U);
    EXPECT_EQ(describe(client.next_action()), "Content");
}

}  // namespace
}  // namespace posthouse::protocol::testing
