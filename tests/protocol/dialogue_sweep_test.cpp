// Every fault at every step of a connection with two transactions, under every pairing of extensions: the
// client always comes to an end, reports each transaction it began exactly once, and never claims more than
// the server knows.
#include "dialogue_conversation.h"
#include "protocol/client_dialogue.h"
#include "protocol/data_encoder.h"
#include "scripted_server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace posthouse::protocol::testing {
namespace {

struct Setting {
    std::string name;
    std::vector<std::string> extensions;
    bool starttls = false;
};

struct Account {
    std::vector<TransactionResult> results;
    std::optional<ClientDialogue::Failed> failed;
    std::size_t steps = 0;
    bool fault_happened = false;
    bool ended = false;
    std::vector<std::string> took;
    std::vector<std::string> contents;
    std::vector<std::string> complaints;
};

const std::string kContent = "Subject: x\r\n\r\n.dotted\r\n";

Transaction numbered(int number) {
    Transaction transaction;
    transaction.sender = "a@example.org";
    for (const std::string name : {"one", "nobody", "two"}) {
        transaction.recipients.push_back(Recipient{.address = name + "@example.net" + std::to_string(number),
                                                   .notify = 0,
                                                   .original_recipient = {}});
    }
    transaction.size = kContent.size();
    return transaction;
}

Account carry_out(const Setting& setting, Fault fault, std::size_t step, bool by_octets) {
    ScriptedServer server(setting.extensions, fault, step);
    ClientOptions options = plain_options();
    options.starttls = setting.starttls;
    options.allow_auth_in_clear = !setting.starttls;
    if (std::ranges::any_of(setting.extensions, [](const auto& e) { return e.starts_with("AUTH"); })) {
        options.credentials = Credentials{.login = "user", .secret = "pencil", .is_token = false};
    }
    ClientDialogue client(options);
    Account account;
    int begun = 0;
    std::string heard;
    for (int i = 0; i < 20000; ++i) {
        const auto action = client.next_action();
        if (std::holds_alternative<ClientDialogue::NeedInput>(action)) {
            heard += server.take_output();
            if (!heard.empty()) {
                const std::size_t size = by_octets ? 1 : heard.size();
                client.receive(heard.substr(0, size));
                heard.erase(0, size);
            } else if (server.closed()) {
                client.peer_closed();
            } else {
                client.deadline_passed();
            }
        } else if (const auto* send = std::get_if<ClientDialogue::Send>(&action)) {
            server.receive(send->bytes);
        } else if (const auto* content = std::get_if<ClientDialogue::SendContent>(&action)) {
            std::string bytes(content->prefix);
            if (content->chunked) {
                bytes += kContent;
            } else {
                DataEncoder encoder;
                encoder.append(kContent, bytes);
                bytes += encoder.finish();
            }
            if (server.closed()) {
                client.receive(server.take_output());
                client.peer_closed();
            } else {
                server.receive(bytes);
                client.content_sent();
            }
        } else if (std::holds_alternative<ClientDialogue::StartTls>(action)) {
            server.handshake_done();
            client.tls_ready();
        } else if (std::holds_alternative<ClientDialogue::Ready>(action)) {
            if (begun < 2) {
                client.start_transaction(numbered(++begun));
            } else {
                client.quit();
            }
        } else if (const auto* done = std::get_if<ClientDialogue::TransactionDone>(&action)) {
            account.results.push_back(done->result);
        } else if (const auto* failed = std::get_if<ClientDialogue::Failed>(&action)) {
            EXPECT_FALSE(account.failed) << "failed twice";
            account.failed = *failed;
        } else {
            account.ended = true;
            break;
        }
    }
    EXPECT_EQ(static_cast<std::size_t>(begun), account.results.size());
    account.steps = server.steps();
    account.fault_happened = server.fault_happened();
    account.took = server.took();
    account.contents = server.contents();
    account.complaints = server.complaints();
    return account;
}

class DialogueSweep : public ::testing::TestWithParam<Setting> {};

TEST_P(DialogueSweep, NeverClaimsMoreThanTheServerKnows) {
    const Setting& setting = GetParam();
    const Account perfect = carry_out(setting, Fault::None, 0, false);
    ASSERT_TRUE(perfect.ended);
    EXPECT_FALSE(perfect.failed);
    ASSERT_EQ(perfect.results.size(), 2U);
    for (const TransactionResult& result : perfect.results) {
        EXPECT_EQ(describe(result),
                  "Delivered content 250 2.0.0, Refused rcpt 550 5.1.1, Delivered content 250 2.0.0; usable");
    }
    EXPECT_EQ(perfect.contents, (std::vector{kContent, kContent}));

    for (const Fault fault : kAllFaults) {
        for (std::size_t step = 0; step < perfect.steps; ++step) {
            for (const bool by_octets : {false, true}) {
                SCOPED_TRACE("fault " + std::to_string(static_cast<int>(fault)) + " at step " +
                             std::to_string(step) + (by_octets ? ", octet by octet" : ""));
                const Account seen = carry_out(setting, fault, step, by_octets);
                EXPECT_TRUE(seen.ended);
                EXPECT_EQ(seen.complaints, std::vector<std::string>());
                EXPECT_TRUE(fault == Fault::None || seen.fault_happened);
                for (std::size_t t = 0; t < seen.results.size(); ++t) {
                    const Transaction transaction = numbered(static_cast<int>(t) + 1);
                    ASSERT_EQ(seen.results[t].recipients.size(), transaction.recipients.size());
                    for (std::size_t r = 0; r < transaction.recipients.size(); ++r) {
                        const RecipientResult& result = seen.results[t].recipients[r];
                        const std::string& address = transaction.recipients[r].address;
                        const bool taken = std::ranges::find(seen.took, address) != seen.took.end();
                        SCOPED_TRACE(address + ": " + describe(seen.results[t]));
                        // A server that says 250 to the content and does not take it is believed: so must it
                        // be.
                        const bool lied = fault == Fault::Answer250 && result.stage == Stage::Content;
                        if (result.status == RecipientStatus::Delivered) {
                            EXPECT_TRUE(taken || lied);
                        }
                        if (result.status == RecipientStatus::NotTried) {
                            EXPECT_FALSE(taken);
                        }
                        if (result.status == RecipientStatus::Refused) {
                            EXPECT_FALSE(taken);
                        }
                        if (result.status == RecipientStatus::Refused) {
                            EXPECT_GE(result.reply.code, 400);
                        }
                        if (taken) {
                            EXPECT_TRUE(result.status == RecipientStatus::Delivered ||
                                        result.status == RecipientStatus::Uncertain);
                        }
                    }
                    // Only the last transaction may have ended the connection.
                    if (t + 1 < seen.results.size()) {
                        EXPECT_TRUE(seen.results[t].connection_usable);
                    }
                }
                const bool must_fail = fault == Fault::CloseBefore || fault == Fault::CloseAfter ||
                                       fault == Fault::SilentAfter || fault == Fault::Answer421 ||
                                       fault == Fault::Garbage || fault == Fault::Endless;
                const bool at_quit = step + 1 == perfect.steps;
                if (must_fail && !at_quit) {
                    EXPECT_TRUE(seen.failed);
                }
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    All, DialogueSweep,
    ::testing::Values(Setting{"Bare", {}, false}, Setting{"Pipelining", {"PIPELINING"}, false},
                      Setting{"Chunking", {"CHUNKING"}, false},
                      Setting{"PipeliningAndChunking", {"PIPELINING", "CHUNKING"}, false},
                      Setting{"AuthPlain", {"AUTH PLAIN"}, false},
                      Setting{"TlsAndAuth", {"STARTTLS", "AUTH LOGIN", "PIPELINING"}, true}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace posthouse::protocol::testing
