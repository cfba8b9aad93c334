// ServerSession where a transcript cannot go: answers that come early or late, and the facts it keeps.
#include "protocol/server_session.h"
#include "session_driver.h"

#include <gtest/gtest.h>

#include <memory>

namespace posthouse::protocol::testing {
namespace {

ServerOptions relay_options() {
    ServerOptions options;
    options.hostname = "relay.example";
    return options;
}

// Behind the greeting, EHLO, MAIL and RCPT.
SessionDriver with_recipient() {
    SessionDriver driver(relay_options());
    driver.start(true, std::nullopt);
    driver.feed("EHLO me\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\n", whole());
    static_cast<void>(driver.take_output());
    static_cast<void>(driver.take_actions());
    return driver;
}

TEST(ServerSession, TakesARefusalOfEachPieceOfContent) {
    const struct {
        const char* name;
        const char* input;
        std::size_t body;
    } cases[] = {
        {"DATA", "DATA\r\nx\r\n.\r\n", 1},
        {"a chunk that is not the last", "BDAT 3\r\nx\r\nBDAT 3 LAST\r\ny\r\n", 1},
        {"the last chunk", "BDAT 3 LAST\r\nx\r\n", 1},
        {"the line end that is added", "BDAT 1 LAST\r\nx", 2},
    };
    for (const auto& test : cases) {
        SessionDriver driver = with_recipient();
        driver.refuse_body_at = test.body;
        driver.feed(test.input, whole());
        const std::string output = driver.take_output();
        EXPECT_NE(output.find("452 4.3.1 full\r\n"), std::string::npos) << test.name << ": " << output;
        EXPECT_TRUE(driver.contents().empty()) << test.name;
        EXPECT_FALSE(driver.session().in_transaction()) << test.name;
        driver.feed("MAIL FROM:<a@example.org>\r\n", whole());
        EXPECT_EQ(driver.take_output(), "250 2.1.0 Sender ok\r\n") << test.name;
    }
}

TEST(ServerSession, WaitsWhileAQuestionIsOpenAndKeepsPipelinedCommands) {
    using S = ServerSession;
    S session(std::make_shared<const ServerOptions>(relay_options()));
    session.start(true, std::nullopt);
    EXPECT_TRUE(std::holds_alternative<S::Send>(session.next_action()));
    EXPECT_TRUE(std::holds_alternative<S::NeedInput>(session.next_action()));
    session.receive("HELO me\r\nMAIL FROM:<a@example.org>\r\nNOOP\r\n");
    EXPECT_TRUE(std::holds_alternative<S::CheckSender>(session.next_action()));
    EXPECT_TRUE(std::holds_alternative<S::Wait>(session.next_action()));
    EXPECT_TRUE(std::holds_alternative<S::Wait>(session.next_action()));
    EXPECT_TRUE(session.in_transaction());
    EXPECT_FALSE(session.esmtp());
    session.sender_verdict(std::nullopt);
    const auto action = session.next_action();
    ASSERT_TRUE(std::holds_alternative<S::Send>(action));
    EXPECT_EQ(std::get<S::Send>(action).bytes,
              "250 relay.example\r\n250 2.1.0 Sender ok\r\n250 2.0.0 Ok\r\n");
}

TEST(ServerSession, AnswersAPeerThatLeftWhileAQuestionWasOpenWithSilence) {
    using S = ServerSession;
    S session(std::make_shared<const ServerOptions>(relay_options()));
    session.start(true, std::nullopt);
    static_cast<void>(session.next_action());
    session.receive("EHLO me\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n");
    EXPECT_TRUE(std::holds_alternative<S::CheckSender>(session.next_action()));
    session.sender_verdict(std::nullopt);
    EXPECT_TRUE(std::holds_alternative<S::CheckRecipient>(session.next_action()));
    session.recipient_verdict(std::nullopt);
    EXPECT_TRUE(std::holds_alternative<S::OpenMessage>(session.next_action()));
    session.peer_closed();
    EXPECT_TRUE(std::holds_alternative<S::Wait>(session.next_action()));
    session.message_opened(std::nullopt);
    EXPECT_TRUE(std::holds_alternative<S::AbortMessage>(session.next_action()));
    EXPECT_TRUE(std::holds_alternative<S::Close>(session.next_action()));
}

TEST(ServerSession, RefusesAClientWithOneReplyAndCloses) {
    using S = ServerSession;
    S session(std::make_shared<const ServerOptions>(relay_options()));
    session.start_refusing(Reply(421, EnhancedCode{4, 3, 2}, "relay.example too many connections"));
    const auto action = session.next_action();
    ASSERT_TRUE(std::holds_alternative<S::Send>(action));
    EXPECT_EQ(std::get<S::Send>(action).bytes, "421 4.3.2 relay.example too many connections\r\n");
    EXPECT_TRUE(std::holds_alternative<S::Close>(session.next_action()));
    EXPECT_TRUE(std::holds_alternative<S::Close>(session.next_action()));
}

TEST(ServerSession, NamesTheDeadlineOfEachWait) {
    using S = ServerSession;
    S session(std::make_shared<const ServerOptions>(relay_options()));
    session.start(true, std::nullopt);
    const auto wait = [&session] {
        while (true) {
            const auto action = session.next_action();
            if (const auto* need = std::get_if<S::NeedInput>(&action)) return need->deadline;
            if (std::holds_alternative<S::CheckSender>(action)) session.sender_verdict(std::nullopt);
            if (std::holds_alternative<S::CheckRecipient>(action)) session.recipient_verdict(std::nullopt);
            if (std::holds_alternative<S::OpenMessage>(action)) session.message_opened(std::nullopt);
        }
    };
    EXPECT_EQ(wait(), ServerDeadline::Command);
    session.receive("EHLO me\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n");
    EXPECT_EQ(wait(), ServerDeadline::DataBlock);
}

TEST(ServerSession, BoundsWhatItGathersForAFloodOfCommands) {
    using S = ServerSession;
    S session(std::make_shared<const ServerOptions>(relay_options()));
    session.start(true, std::nullopt);
    static_cast<void>(session.next_action());
    static_cast<void>(session.next_action());
    std::string flood;
    for (int i = 0; i < 10'000; ++i)
        flood += "HELP\r\n";
    session.receive(flood);
    std::size_t sent = 0;
    while (true) {
        const auto action = session.next_action();
        if (std::holds_alternative<S::NeedInput>(action)) break;
        ASSERT_TRUE(std::holds_alternative<S::Send>(action));
        EXPECT_LT(std::get<S::Send>(action).bytes.size(), 20'000U);
        sent += std::get<S::Send>(action).bytes.size();
    }
    EXPECT_GT(sent, 800'000U);
}

}  // namespace
}  // namespace posthouse::protocol::testing
