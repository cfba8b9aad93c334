// ServerSession: the inbound SMTP machine (the submission server), without any I/O.
//
// Bytes and answers go in, actions are pulled out:
//
//     session.start(...)                 session.receive(bytes)   session.auth_verdict(...)   ...
//     while (true) { auto action = session.next_action(); perform it; feed its result; }
//
// next_action() never blocks and may be called at any time; when it returns NeedInput the shell reads from
// the peer. While a question is open (CheckAuth, CheckSender, CheckRecipient, OpenMessage, CommitMessage) the
// machine is paused: next_action() returns Wait until the answer arrives, and pipelined bytes stay buffered.
// Replies are gathered: one Send carries every reply that is ready, emitted when the machine would otherwise
// need input, wait for an upgrade, or close (RFC 2920 3.2). Any split of the same input gives the same
// actions.
//
// A peer's mistake is a Reply, never an error. A caller's mistake (answering a question that was not asked)
// is an assertion. Knows no socket, clock, file or log. Not thread-safe; one owner.
//
// RFC 5321 (SMTP), 6409 (submission), 2920 (PIPELINING), 1870 (SIZE), 6152 (8BITMIME), 6531 (SMTPUTF8),
// 3030 (CHUNKING), 3207 (STARTTLS), 4954 (AUTH), 3461 (DSN), 2034 (ENHANCEDSTATUSCODES).
#pragma once

#include "protocol/bare_newlines.h"
#include "protocol/envelope.h"
#include "protocol/reply.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace posthouse::protocol {

enum class AuthPolicy : std::uint8_t { None, Optional, Required };

struct ServerOptions {
    std::string hostname;         // greeting and EHLO reply
    bool offer_starttls = false;  // a certificate is configured and tls: starttls
    AuthPolicy auth = AuthPolicy::Optional;
    bool auth_in_clear = false;  // AUTH offered and taken without TLS
    BareNewlines bare_newlines = BareNewlines::Reject;
    std::uint64_t max_message_size = 50ULL << 20U;  // octets of content, as received
    std::size_t max_recipients = 1000;
    std::size_t max_command_line = 2048;  // octets with CRLF; AUTH lines have their own 12288 (RFC 4954 4)
    std::size_t max_errors = 20;          // protocol errors and refused commands before 421 4.7.0
    std::size_t max_auth_failures = 3;    // then 421
};

// Which RFC 5321 4.5.3.2 timeout applies to the input that is awaited; the shell maps it to a duration.
enum class ServerDeadline : std::uint8_t { Command, DataBlock, TlsHandshake };

// What the shell knows about a TLS handshake that succeeded, for trace headers and events.
struct TlsFacts {
    std::string version;  // "TLSv1.3"
    std::string cipher;   // "TLS_AES_128_GCM_SHA256"
};

enum class AuthVerdict : std::uint8_t { Accepted, Refused, Unavailable };  // 235, 535 5.7.8, 454 4.7.0

class ServerSession {
  public:
    // Read from the peer, then call receive() or peer_closed(); on timeout deadline_passed().
    struct NeedInput {
        ServerDeadline deadline;
    };
    // A question is open; nothing to do until it is answered.
    struct Wait {};
    // Write these bytes; the view is valid until the next call into the session.
    struct Send {
        std::string_view bytes;
    };
    // Do the handshake as server, then tls_ready(); if it fails, drop the connection.
    // Bytes that were pipelined behind STARTTLS have been discarded (RFC 3207 6).
    struct StartTls {};
    // Answer with auth_verdict(). The secret is only here; the session wipes its copy afterwards.
    struct CheckAuth {
        std::string login;
        std::string password;
    };
    // Answer with sender_verdict(): may this client open a transaction with this sender now?
    struct CheckSender {
        const Envelope& envelope;
    };
    // Answer with recipient_verdict() about envelope.recipients.back().
    struct CheckRecipient {
        const Envelope& envelope;
    };
    // DATA or the first BDAT was accepted; answer with message_opened().
    struct OpenMessage {
        const Envelope& envelope;
    };
    // Decoded content octets (unstuffed, CRLF line ends); valid until the next call into the session.
    struct Body {
        std::string_view bytes;
    };
    // The content is complete; answer with message_stored() or message_refused().
    struct CommitMessage {};
    // Forget the open message (peer vanished, content refused, RSET between BDATs); no answer.
    struct AbortMessage {};
    // Close the connection; nothing follows.
    struct Close {};

    using Action = std::variant<NeedInput, Wait, Send, StartTls, CheckAuth, CheckSender, CheckRecipient,
                                OpenMessage, Body, CommitMessage, AbortMessage, Close>;

    explicit ServerSession(std::shared_ptr<const ServerOptions> options);
    ~ServerSession();
    ServerSession(ServerSession&&) noexcept;
    ServerSession& operator=(ServerSession&&) noexcept;
    ServerSession(const ServerSession&) = delete;
    ServerSession& operator=(const ServerSession&) = delete;

    // Begins with the greeting. `trusted_network`: the client may submit without a login where auth is
    // optional. `tls`: the connection is already encrypted (implicit TLS).
    void start(bool trusted_network, std::optional<TlsFacts> tls);
    // Begins by refusing the client with this 4xx/5xx reply and closing (connection caps: 421 4.3.2).
    void start_refusing(const Reply& reply);

    void receive(std::string_view bytes);  // copies; only in answer to NeedInput
    void peer_closed();
    void tls_ready(TlsFacts tls);
    void deadline_passed();  // 421 4.4.2 and Close; AbortMessage first if one is open
    void shut_down();        // 421 4.3.2 at the next command boundary; a message in DATA may finish

    void auth_verdict(AuthVerdict verdict);
    void sender_verdict(std::optional<Reply> refusal);  // nothing: accepted
    void recipient_verdict(std::optional<Reply> refusal);
    // nothing: 354 for DATA. A refusal answers DATA, or swallows the BDAT octets first (RFC 3030 4.2).
    void message_opened(std::optional<Reply> refusal);
    // May be called while content is still arriving: the rest is swallowed, AbortMessage is NOT emitted
    // again, and the reply is sent at the end of data.
    void message_refused(Reply reply);
    void message_stored(std::string_view queue_id);  // "250 2.0.0 Ok: queued as <id>"

    [[nodiscard]] Action next_action();

    // Facts for events, trace headers and limits.
    [[nodiscard]] const std::string& client_name() const;  // argument of HELO/EHLO, empty before it
    [[nodiscard]] bool esmtp() const;                      // EHLO was used
    [[nodiscard]] const std::string& login() const;        // empty: not authenticated
    [[nodiscard]] const std::optional<TlsFacts>& tls() const;
    [[nodiscard]] bool in_transaction() const;  // between MAIL and the end of the transaction

    // The transition table as Markdown, for docs/smtp-state-machine.md; a test keeps the two the same.
    [[nodiscard]] static std::string state_table();

    struct Machine;  // what server_*.cpp share; complete nowhere else

  private:
    std::unique_ptr<Machine> machine_;
};

}  // namespace posthouse::protocol
