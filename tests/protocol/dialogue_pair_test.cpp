// Our client and our server joined in memory: what one says the other understands, under every option, and a
// message comes out as it went in.
#include "dialogue_conversation.h"
#include "protocol/data_encoder.h"
#include "session_driver.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace posthouse::protocol::testing {
namespace {

// Carries a ClientDialogue's actions out against a SessionDriver, one message after the other.
class DialoguePair {
  public:
    DialoguePair(ServerOptions server, ClientOptions client, bool trusted)
        : server_(std::move(server)), client_(std::move(client)) {
        server_.start(trusted, std::nullopt);
    }

    SessionDriver& server() { return server_; }
    const ClientDialogue& client() const { return client_; }
    std::size_t writes() const { return writes_; }

    TransactionResult deliver(const Transaction& transaction, const std::string& content) {
        bool begun = false;
        while (true) {
            const auto action = client_.next_action();
            if (std::holds_alternative<ClientDialogue::NeedInput>(action)) {
                const std::string heard = server_.take_output();
                if (heard.empty()) {
                    client_.peer_closed();
                } else {
                    client_.receive(heard);
                }
            } else if (const auto* send = std::get_if<ClientDialogue::Send>(&action)) {
                write(std::string(send->bytes));
            } else if (const auto* out = std::get_if<ClientDialogue::SendContent>(&action)) {
                std::string bytes(out->prefix);
                if (out->chunked) {
                    bytes += content;
                } else {
                    DataEncoder encoder;
                    encoder.append(content, bytes);
                    bytes += encoder.finish();
                }
                write(bytes);
                client_.content_sent();
            } else if (std::holds_alternative<ClientDialogue::StartTls>(action)) {
                server_.session().tls_ready({"TLSv1.3", "TLS_AES_256_GCM_SHA384"});
                server_.pump();
                client_.tls_ready();
            } else if (std::holds_alternative<ClientDialogue::Ready>(action)) {
                if (begun) {
                    ADD_FAILURE() << "no result";
                    return {};
                }
                begun = true;
                writes_ = 0;
                client_.start_transaction(transaction);
            } else if (const auto* done = std::get_if<ClientDialogue::TransactionDone>(&action)) {
                return done->result;
            } else {
                ADD_FAILURE() << describe(action);
                return {};
            }
        }
    }

  private:
    void write(const std::string& bytes) {
        ++writes_;
        server_.feed(bytes, whole());
    }

    SessionDriver server_;
    ClientDialogue client_;
    std::size_t writes_ = 0;
};

ServerOptions relay_options() {
    ServerOptions options;
    options.hostname = "relay.example";
    return options;
}

Transaction sized(const std::string& content) {
    Transaction transaction = small_transaction();
    transaction.size = content.size();
    return transaction;
}

TEST(DialoguePair, CarriesContentUnchangedInOneWrite) {
    DialoguePair pair(relay_options(), plain_options(), true);
    for (const std::string content :
         {"", "Subject: x\r\n\r\n.\r\n..\r\n", ".\r\n", "\r\n.\r\n\r\n", "no dots\r\n"}) {
        const auto result = pair.deliver(sized(content), content);
        EXPECT_EQ(describe(result), "Delivered content 250 2.0.0; usable") << escaped(content);
        EXPECT_EQ(result.final_reply.text, "Ok: queued as QID");
        EXPECT_EQ(pair.server().contents().back(), content);
        EXPECT_EQ(pair.writes(), 1U);
    }
}

TEST(DialoguePair, CarriesTheEnvelopeWithAllItsParameters) {
    DialoguePair pair(relay_options(), plain_options(), true);
    Transaction transaction = sized("x\r\n");
    transaction.sender = "\"a b\"@exämple.org";
    transaction.body = BodyType::EightBitMime;
    transaction.dsn_return = DsnReturn::Full;
    transaction.envelope_id = "QQ+2B1";
    transaction.recipients[0].notify = kNotifySuccess | kNotifyFailure | kNotifyDelay;
    transaction.recipients[0].original_recipient = "rfc822;b+40example.net";
    static_cast<void>(pair.server().take_actions());
    EXPECT_EQ(describe(pair.deliver(transaction, "x\r\n")), "Delivered content 250 2.0.0; usable");
    const auto actions = pair.server().take_actions();
    ASSERT_FALSE(actions.empty());
    EXPECT_EQ(actions[2],
              "OpenMessage from <\"a b\"@exämple.org> to <b@example.net> notify 7 orcpt "
              "rfc822;b+40example.net 8bitmime smtputf8 ret full envid QQ+2B1 size 3");
}

TEST(DialoguePair, LogsInInsideTlsAndNotBefore) {
    ServerOptions server = relay_options();
    server.offer_starttls = true;
    server.auth = AuthPolicy::Required;
    ClientOptions client = plain_options();
    client.starttls = true;
    client.credentials = Credentials{.login = "user", .secret = "pencil", .is_token = false};
    for (const auto mechanism : {AuthMechanism::Plain, AuthMechanism::Login}) {
        client.mechanisms = {mechanism};
        DialoguePair pair(server, client, false);
        pair.server().auth_verdicts.push_back(AuthVerdict::Accepted);
        EXPECT_EQ(describe(pair.deliver(sized("x\r\n"), "x\r\n")), "Delivered content 250 2.0.0; usable");
        EXPECT_EQ(pair.client().authenticated_with(), mechanism);
        EXPECT_EQ(pair.server().session().login(), "user");
        EXPECT_EQ(pair.server().session().client_name(), "me");
        EXPECT_TRUE(pair.server().session().esmtp());
        ASSERT_TRUE(pair.server().session().tls());
        EXPECT_EQ(pair.server().session().tls()->version, "TLSv1.3");
        const auto actions = pair.server().take_actions();
        EXPECT_EQ(actions[0], "StartTls");
        EXPECT_EQ(actions[1], "CheckAuth user / pencil");
    }
}

TEST(DialoguePair, TellsEachRecipientItsOwnFate) {
    DialoguePair pair(relay_options(), plain_options(), true);
    Transaction transaction = sized("x\r\n");
    transaction.recipients.resize(3, transaction.recipients[0]);
    pair.server().recipient_verdicts = {Reply(550, EnhancedCode{5, 1, 1}, "no"), std::nullopt,
                                        Reply(451, EnhancedCode{4, 2, 1}, "later")};
    EXPECT_EQ(describe(pair.deliver(transaction, "x\r\n")),
              "Refused rcpt 550 5.1.1, Delivered content 250 2.0.0, Refused rcpt 451 4.2.1; usable");
    // All refused: the chunk that was already on its way is swallowed, and the next message goes through.
    pair.server().recipient_verdicts.assign(3, Reply(550, EnhancedCode{5, 1, 1}, "no"));
    EXPECT_EQ(describe(pair.deliver(transaction, "x\r\n")),
              "Refused rcpt 550 5.1.1, Refused rcpt 550 5.1.1, Refused rcpt 550 5.1.1; usable");
    EXPECT_EQ(describe(pair.deliver(sized("y\r\n"), "y\r\n")), "Delivered content 250 2.0.0; usable");
    EXPECT_EQ(pair.server().contents(), (std::vector<std::string>{"x\r\n", "y\r\n"}));
}

TEST(DialoguePair, SpeaksOfRefusalsAtEveryStage) {
    const Reply later(451, EnhancedCode{4, 3, 0}, "later");
    DialoguePair pair(relay_options(), plain_options(), true);
    pair.server().sender_verdicts = {later};
    EXPECT_EQ(describe(pair.deliver(sized("x\r\n"), "x\r\n")), "Refused mail 451 4.3.0; usable");
    pair.server().open_verdicts = {later};
    EXPECT_EQ(describe(pair.deliver(sized("x\r\n"), "x\r\n")), "Refused content 451 4.3.0; usable");
    pair.server().commit_verdicts = {later};
    EXPECT_EQ(describe(pair.deliver(sized("x\r\n"), "x\r\n")), "Refused content 451 4.3.0; usable");
    EXPECT_EQ(describe(pair.deliver(sized("x\r\n"), "x\r\n")), "Delivered content 250 2.0.0; usable");
}

TEST(DialoguePair, WaitsForTheAnswersBeforeLargeContent) {
    DialoguePair pair(relay_options(), plain_options(), true);
    std::string content(200'000, 'x');
    content += "\r\n";
    EXPECT_EQ(describe(pair.deliver(sized(content), content)), "Delivered content 250 2.0.0; usable");
    EXPECT_EQ(pair.writes(), 2U);
    EXPECT_EQ(pair.server().contents().back(), content);
}

TEST(DialoguePair, IsToldThatTheServerShutsDown) {
    DialoguePair pair(relay_options(), plain_options(), true);
    EXPECT_EQ(describe(pair.deliver(sized("x\r\n"), "x\r\n")), "Delivered content 250 2.0.0; usable");
    pair.server().session().shut_down();
    pair.server().pump();
    EXPECT_EQ(describe(pair.deliver(sized("x\r\n"), "x\r\n")), "NotTried mail 421 4.3.2; over");
}

}  // namespace
}  // namespace posthouse::protocol::testing
