#include "dialogue_conversation.h"

#include "session_driver.h"

#include <gtest/gtest.h>

namespace posthouse::protocol::testing {
namespace {

std::string_view to_string(RecipientStatus status) {
    switch (status) {
        case RecipientStatus::Delivered:
            return "Delivered";
        case RecipientStatus::Refused:
            return "Refused";
        case RecipientStatus::NotTried:
            return "NotTried";
        case RecipientStatus::Uncertain:
            return "Uncertain";
    }
    return "?";
}

class Partner {
  public:
    Partner(const Conversation& conversation, bool by_octets)
        : conversation_(conversation), client_(conversation.options), by_octets_(by_octets) {}

    std::string happens(const std::string& event) {
        does_.clear();
        if (event == "<tls>") {
            client_.tls_ready();
        } else if (event == "<tls failed>") {
            client_.tls_failed("certificate has expired");
        } else if (event == "<close>") {
            client_.peer_closed();
        } else if (event == "<deadline>") {
            client_.deadline_passed();
        } else if (event == "<start>") {
            client_.start_transaction(conversation_.transaction);
        } else if (event == "<sent>") {
            client_.content_sent();
        } else if (event == "<disk>") {
            client_.content_failed("cannot read the spool");
        } else if (event == "<quit>") {
            client_.quit();
        } else {
            hear(event);
            return does_;
        }
        drain();
        return does_;
    }

  private:
    void hear(const std::string& event) {
        std::string bytes;
        if (event.starts_with("<raw>")) {
            bytes = unescaped(event.substr(5)).value();
        } else {
            for (const char c : event)
                bytes += c == '\n' ? std::string("\r\n") : std::string(1, c);
            bytes += "\r\n";
        }
        if (!by_octets_) {
            client_.receive(bytes);
            return drain();
        }
        for (const char c : bytes) {
            client_.receive(std::string_view(&c, 1));
            drain();
        }
    }

    void drain() {
        for (int i = 0; i < 100; ++i) {
            const auto action = client_.next_action();
            const std::string text = describe(action);
            if (!text.empty() && !(repeats(action) && text == last_)) {
                if (!does_.empty()) does_ += " | ";
                does_ += text;
            }
            last_ = text;
            if (!goes_on(action)) return;
        }
        ADD_FAILURE() << "actions without end: " << does_;
    }

    // Ready and Close are given out as often as one asks.
    static bool repeats(const ClientDialogue::Action& action) {
        return std::holds_alternative<ClientDialogue::Ready>(action) ||
               std::holds_alternative<ClientDialogue::Close>(action);
    }
    static bool goes_on(const ClientDialogue::Action& action) {
        return std::holds_alternative<ClientDialogue::Send>(action) ||
               std::holds_alternative<ClientDialogue::TransactionDone>(action) ||
               std::holds_alternative<ClientDialogue::Failed>(action);
    }

    const Conversation& conversation_;
    ClientDialogue client_;
    bool by_octets_;
    std::string does_;
    std::string last_;
};

}  // namespace

std::string describe(const TransactionResult& result) {
    std::string text;
    for (const RecipientResult& recipient : result.recipients) {
        if (!text.empty()) text += ", ";
        text += std::string(to_string(recipient.status)) + " " +
                std::string(protocol::to_string(recipient.stage)) + " " +
                std::to_string(recipient.reply.code);
        if (recipient.reply.enhanced) text += " " + protocol::to_string(*recipient.reply.enhanced);
    }
    return text + (result.connection_usable ? "; usable" : "; over");
}

std::string describe(const ClientDialogue::Action& action) {
    using C = ClientDialogue;
    if (const auto* send = std::get_if<C::Send>(&action)) return "Send " + escaped(send->bytes);
    if (std::holds_alternative<C::StartTls>(action)) return "StartTls";
    if (const auto* content = std::get_if<C::SendContent>(&action)) {
        std::string text = content->chunked ? "Content chunked" : "Content";
        if (!content->prefix.empty()) text += " behind " + escaped(content->prefix);
        return text;
    }
    if (std::holds_alternative<C::Ready>(action)) return "Ready";
    if (const auto* done = std::get_if<C::TransactionDone>(&action)) return "Done " + describe(done->result);
    if (const auto* failed = std::get_if<C::Failed>(&action)) {
        EXPECT_FALSE(failed->reason.empty());
        return "Failed " + std::string(protocol::to_string(failed->stage)) + " " +
               std::to_string(failed->reply.code) + (failed->login_refused ? " login refused" : "");
    }
    if (std::holds_alternative<C::Close>(action)) return "Close";
    return "";
}

ClientOptions plain_options() {
    ClientOptions options;
    options.hostname = "me";
    options.starttls = false;
    options.scram_nonce = "rOprNGfwEbeRWgbNEkqO";
    return options;
}

Transaction small_transaction() {
    Transaction transaction;
    transaction.sender = "a@example.org";
    transaction.recipients.push_back(
        Recipient{.address = "b@example.net", .notify = 0, .original_recipient = {}});
    transaction.size = 7;
    return transaction;
}

void play(const Conversation& conversation) {
    for (const bool by_octets : {false, true}) {
        SCOPED_TRACE(by_octets ? "octet by octet" : "whole");
        Partner partner(conversation, by_octets);
        for (std::size_t i = 0; i < conversation.steps.size(); ++i) {
            EXPECT_EQ(partner.happens(conversation.steps[i].happens), conversation.steps[i].does)
                << "step " << i << ": " << conversation.steps[i].happens;
        }
    }
}

}  // namespace posthouse::protocol::testing
