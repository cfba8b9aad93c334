// ClientDialogue: the outbound SMTP machine (towards an upstream), without any I/O. One object per
// connection; any number of transactions one after the other.
//
// Actions are pulled with next_action(); see ServerSession for the shape. A connection runs
//   greeting, EHLO, [STARTTLS, handshake, EHLO], [AUTH], Ready, {transaction, Ready}, quit().
// In Ready the shell starts a transaction; the machine uses PIPELINING, CHUNKING, SIZE, 8BITMIME, SMTPUTF8
// and DSN when the server offers them, and never sends what was not offered.
//
// The machine never downgrades: if TLS is demanded and STARTTLS is not offered, or no allowed AUTH mechanism
// is offered, the connection fails with the stage and a remedy. Bytes that arrive in clear behind the answer
// to STARTTLS end the connection (RFC 3207 6; CVE-2011-0411 from the server side).
//
// When the connection ends in the middle of a transaction, TransactionDone comes first, then Failed with the
// reason, then Close. Where both sides are still in step, QUIT is sent before Failed (RFC 5321 4.1.1.10).
//
// RFC 5321, 2920, 1870, 6152, 6531, 3030, 3207, 4954, 3461. Not thread-safe; one owner.
#pragma once

#include "protocol/envelope.h"
#include "protocol/reply.h"
#include "protocol/sasl.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace posthouse::protocol {

// Where in the dialogue something happened. Names as used in configuration (`stage:`) and logs are their
// lower case.
enum class Stage : std::uint8_t {
    Connect,
    Greeting,
    Ehlo,
    StartTls,
    Tls,
    Auth,
    Mail,
    Rcpt,
    Data,     // the answer to DATA
    Content,  // sending content, and the final reply after the dot or BDAT LAST
    Quit,
};
[[nodiscard]] std::string_view to_string(Stage stage);
[[nodiscard]] std::optional<Stage> parse_stage(std::string_view name);

struct ClientOptions {
    std::string hostname;                    // EHLO argument
    bool starttls = true;                    // demand STARTTLS before anything else
    bool implicit_tls = false;               // already encrypted at the greeting
    bool allow_auth_in_clear = false;        // only with tls: none
    std::optional<Credentials> credentials;  // without them AUTH is not used
    // Empty: the strongest that both sides know; else only these, in this order.
    std::vector<AuthMechanism> mechanisms;
    std::string scram_nonce;             // >= 18 random printable characters without ',', from the caller
    bool send_eight_bit_anyway = false;  // 8-bit content to a server without 8BITMIME: send as is
};

// What a server announced. Kept for the log, for explain and for choosing.
struct ServerCapabilities {
    bool pipelining = false, starttls = false, eight_bit_mime = false, smtputf8 = false;
    bool chunking = false, dsn = false, enhanced_status_codes = false, require_tls = false;
    std::optional<std::uint64_t> size;  // SIZE with a number; 0 in RFC 1870 means no fixed limit -> nullopt
    std::vector<AuthMechanism> auth;
    std::string name;  // the domain in its greeting or EHLO reply
};

// What is to be sent. The content itself is streamed by the shell on SendContent.
struct Transaction {
    std::string sender;                  // empty: <>
    std::vector<Recipient> recipients;   // at least one
    std::uint64_t size = 0;              // octets of content as they will be sent, before dot-stuffing
    BodyType body = BodyType::SevenBit;  // EightBitMime: the content has octets >= 0x80
    bool needs_smtputf8 = false;         // an address or header field needs it
    DsnReturn dsn_return = DsnReturn::Unset;
    std::string envelope_id;
};

enum class RecipientStatus : std::uint8_t {
    Delivered,  // the server took responsibility
    Refused,    // this recipient or the transaction was answered 4xx/5xx: see reply and stage
    NotTried,   // the connection ended, or 421 came, before this recipient was decided
    Uncertain,  // content was sent completely, the final reply never came
};

struct RecipientResult {
    RecipientStatus status = RecipientStatus::NotTried;
    Stage stage = Stage::Mail;
    Reply reply;  // code 0 if none was received
};

// The result of one transaction, parallel to Transaction::recipients.
struct TransactionResult {
    std::vector<RecipientResult> recipients;
    Reply final_reply;               // of the last stage reached; its text names the upstream's queue id
    bool connection_usable = false;  // another transaction may follow
};

class ClientDialogue {
  public:
    enum class Deadline : std::uint8_t { Greeting, Command, DataInit, DataBlock, FinalReply, TlsHandshake };

    struct NeedInput {
        Deadline deadline;
    };
    struct Send {
        std::string_view bytes;
    };  // valid until the next call
    struct StartTls {};  // handshake as client, verify, then tls_ready() or tls_failed()
    // Stream the content now, then content_sent(). `chunked`: BDAT, the machine has said how many octets;
    // bytes are sent as they are. Otherwise: dot-stuffed by DataEncoder, with the final dot. `prefix` must be
    // written first, in the same write as the first content bytes (two small writes cost a delayed ACK).
    // If writing fails: receive() what can still be read (it may say why), then peer_closed().
    struct SendContent {
        bool chunked;
        std::string_view prefix;
    };
    struct Ready {};  // start_transaction(), quit(), or wait
    struct TransactionDone {
        TransactionResult result;
    };
    // The connection cannot be used: what the server said (code 0 if nothing), where, and a sentence with a
    // remedy. `login_refused`: AUTH was answered 4xx/5xx, or the server offers no mechanism that we may use.
    struct Failed {
        Stage stage;
        Reply reply;
        std::string reason;
        bool login_refused;
    };
    struct Close {};  // after quit() or Failed

    using Action =
        std::variant<NeedInput, Send, StartTls, SendContent, Ready, TransactionDone, Failed, Close>;

    explicit ClientDialogue(ClientOptions options);
    ~ClientDialogue();
    ClientDialogue(ClientDialogue&&) noexcept;
    ClientDialogue& operator=(ClientDialogue&&) noexcept;
    ClientDialogue(const ClientDialogue&) = delete;
    ClientDialogue& operator=(const ClientDialogue&) = delete;

    void receive(std::string_view bytes);  // copies
    void peer_closed();
    void deadline_passed();  // treated as a closed peer; the reason says which wait it was
    void tls_ready();
    void tls_failed(std::string reason);
    // Only in Ready. The machine decides per recipient what the server cannot take: SMTPUTF8 needed but
    // missing (550 5.6.7), content larger than SIZE (552 5.3.4), 8-bit without 8BITMIME (550 5.6.3) are
    // results without I/O.
    void start_transaction(Transaction transaction);
    void content_sent();
    // The shell could not read the content (disk error): the connection is useless, recipients are NotTried.
    void content_failed(std::string reason);
    void quit();

    [[nodiscard]] Action next_action();

    [[nodiscard]] const ServerCapabilities& capabilities() const;  // complete from the first Ready on
    [[nodiscard]] std::optional<AuthMechanism> authenticated_with() const;

    struct Machine;  // what client_*.cpp share; complete nowhere else

  private:
    std::unique_ptr<Machine> machine_;
};

}  // namespace posthouse::protocol
