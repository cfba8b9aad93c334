// The inside of ClientDialogue: its phases and what it remembers. Private to client_*.cpp.
//
// A connection walks Greeting .. Ready by one command at a time. A transaction is driven by a queue of
// awaited replies: send_more() appends commands (all at once with PIPELINING, else one), each reply is held
// against the front of the queue, and when nothing is awaited send_more() decides what follows. enter() is
// the only writer of the phase.
#pragma once

#include "protocol/client_dialogue.h"
#include "protocol/reply_parser.h"
#include "protocol/sasl.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::protocol {

enum class Awaited : std::uint8_t { Rset, Mail, Rcpt, Data, Final };
struct AwaitedReply {
    Awaited awaited = Awaited::Rset;
    std::size_t recipient = 0;
};

// One recipient on its way through the transaction.
enum class Progress : std::uint8_t { Undecided, Accepted, Decided };

// A transaction under way.
struct Exchange {
    Transaction transaction;
    TransactionResult result;
    std::vector<Progress> progress;    // parallel to the recipients
    std::deque<AwaitedReply> awaited;  // sent, not answered
    std::size_t next_recipient = 0;    // not sent yet
    bool mail_sent = false;
    bool mail_refused = false;
    bool data_sent = false;         // DATA or BDAT
    bool content_complete = false;  // the last octet of content has left us
    bool empty_content = false;     // 354 although nobody was accepted: a lone dot was sent
};

struct ClientDialogue::Machine {
    enum class Phase : std::uint8_t {
        Greeting,   // its 220 is awaited
        Ehlo,       // the answer to EHLO
        Helo,       // the answer to HELO, after EHLO was not understood
        StartTls,   // the answer to STARTTLS
        Handshake,  // tls_ready() or tls_failed()
        Auth,       // the next answer of the AUTH exchange
        Ready,
        Exchange,  // a transaction: replies are awaited
        Content,   // a transaction: the shell is streaming the content
        Quitting,  // the answer to QUIT
        Ended,     // Failed, then Close
    };

    explicit Machine(ClientOptions client_options);
    ~Machine();
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    // --- client_dialogue.cpp: the pump and the way to Ready ---
    void enter(Phase next);
    void forget_sent();
    [[nodiscard]] Action next_action();
    [[nodiscard]] Deadline deadline() const;
    [[nodiscard]] Stage stage() const;
    void take_replies();
    void handle(const Reply& reply);
    void handle_greeting(const Reply& reply);
    void handle_ehlo(const Reply& reply);
    void handle_helo(const Reply& reply);
    void handle_starttls(const Reply& reply);
    void after_ehlo();
    void send_line(std::string_view line);
    void peer_gone(std::string reason);
    // The connection is over: a transaction gets its result, then Failed, then Close.
    void fail(const Reply& reply, std::string reason, bool login_refused = false);
    // The same after an answer that left both sides in step: QUIT goes out first (RFC 5321 4.1.1.10).
    void fail_politely(const Reply& reply, std::string reason, bool login_refused = false);

    // --- client_auth.cpp ---
    [[nodiscard]] std::optional<AuthMechanism> choose_mechanism() const;
    void start_auth();
    void handle_auth(const Reply& reply);
    void send_sasl(std::string message);

    // --- client_transaction.cpp ---
    void start_transaction(Transaction transaction);
    void refuse_locally();
    void send_more();
    void send_mail();
    void send_recipient(std::size_t index);
    void begin_chunked_content();
    void content_sent();
    void handle_exchange(Reply reply);
    void handle_mail(const Reply& reply);
    void handle_recipient(std::size_t index, Reply reply);
    void handle_data(const Reply& reply);
    void handle_final(const Reply& reply);
    void decide(std::size_t index, RecipientStatus status, Stage at, const Reply& reply);
    void decide_all(Progress which, RecipientStatus status, Stage at, const Reply& reply);
    [[nodiscard]] bool anyone(Progress which) const;
    void finish();
    void end_exchange(const Reply& reply);  // the connection is over in the middle of it

    ClientOptions options;
    Phase phase = Phase::Greeting;
    ReplyParser parser;
    std::string out;
    bool sent = false;           // `out` was given out and may go
    bool out_is_secret = false;  // `out` holds an AUTH message: wiped instead of cleared
    bool asked = false;          // StartTls or SendContent was given out in the present phase
    bool encrypted = false;
    bool needs_reset = false;  // a transaction may still be open at the server
    ServerCapabilities capabilities;

    std::optional<SaslClient> sasl;
    AuthMechanism mechanism = AuthMechanism::Plain;
    std::optional<std::string> withheld_response;  // the initial response, too long for the AUTH command
    std::optional<AuthMechanism> authenticated_with;

    std::optional<Exchange> exchange;
    std::optional<TransactionResult> done;
    std::optional<Failed> failure;
};

}  // namespace posthouse::protocol
