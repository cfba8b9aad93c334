// The inside of ServerSession: its states, its transition table and what it remembers. Private to
// server_*.cpp.
//
// One table (kCommandRules in server_table.cpp) says for each verb in which states it is taken, what is
// checked first, what then happens and where that may lead; kStateRules says what each state waits for and
// which states may follow. enter() is the only writer of the state and holds every change against
// kStateRules.
#pragma once

#include "protocol/command.h"
#include "protocol/data_decoder.h"
#include "protocol/line_buffer.h"
#include "protocol/newline_policy.h"
#include "protocol/sasl.h"
#include "protocol/server_session.h"

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse::protocol {

enum class ServerState : std::uint8_t {
    Created,         // start() was not called yet
    Connected,       // greeted, or TLS has just begun: HELO or EHLO is to come
    Identified,      // no transaction
    AuthLine,        // in an AUTH exchange, the client's next line is to come
    AuthCheck,       // question: CheckAuth
    SenderCheck,     // question: CheckSender
    MailGiven,       // no recipient accepted yet
    RecipientCheck,  // question: CheckRecipient
    RcptGiven,       // at least one recipient
    DataOpening,     // question: OpenMessage for DATA
    Data,            // content up to CRLF.CRLF
    ChunkOpening,    // question: OpenMessage for the first BDAT
    Chunk,           // octets of a chunk
    BetweenChunks,   // BDAT without LAST was taken
    RefusedChunk,    // octets of a chunk that is not wanted
    Committing,      // question: CommitMessage
    TlsHandshake,    // StartTls was asked for
    Closing,         // last words, then Close
};
inline constexpr std::size_t kServerStateCount = 18;

// A set of states, one bit each.
class StateSet {
  public:
    constexpr StateSet(std::initializer_list<ServerState> states) {
        for (const ServerState state : states)
            bits_ |= bit(state);
    }
    [[nodiscard]] constexpr bool contains(ServerState state) const { return (bits_ & bit(state)) != 0; }

  private:
    static constexpr std::uint32_t bit(ServerState state) { return 1U << static_cast<unsigned>(state); }
    std::uint32_t bits_ = 0;
};

struct ServerSession::Machine {
    // What holds for the whole connection; forgotten after a TLS handshake except for trust (RFC 3207 4.2).
    struct Connection {
        std::string client_name;
        bool esmtp = false;
        std::string login;
        std::optional<TlsFacts> tls;
        bool trusted_network = false;
    };

    // What holds between MAIL and the end of its transaction.
    struct Transaction {
        bool open = false;
        Envelope envelope;
        bool recipient_refused = false;         // so that DATA can say "no valid recipients"
        bool message_open = false;              // OpenMessage was accepted, and not yet committed or aborted
        std::optional<Reply> refusal;           // the content is no longer wanted; said at its end
        std::optional<DataDecoder> decoder;     // DATA
        std::optional<NewlinePolicy> newlines;  // BDAT
        std::uint64_t chunk_size = 0;
        std::uint64_t chunk_left = 0;
        bool chunk_last = false;
    };

    // An AUTH exchange under way.
    struct AuthExchange {
        AuthMechanism mechanism = AuthMechanism::Plain;
        bool has_login = false;  // LOGIN: the name was given, the password is to come
        Claim claim;
    };

    enum class Ending : std::uint8_t { None, PeerGone, Expired };

    explicit Machine(std::shared_ptr<const ServerOptions> session_options);
    ~Machine();
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    // --- server_session.cpp: the pump ---
    void enter(ServerState next);
    void forget_sent();  // every call into the session begins with this
    Action next_action();
    Action need_input(ServerDeadline deadline);
    Action question();
    bool take_line();  // false: no complete line
    void run_command(std::string_view line);
    void answered([[maybe_unused]] ServerState question);  // asserts that this question is open
    void say(const Reply& reply);
    void refuse(const Reply& reply);  // as say(), and counts it as an error of the client
    void close();
    void close_saying(const Reply& reply);
    void end_now(Ending how);
    void end_transaction();  // aborts an open message

    // --- server_commands.cpp: checks and steps named by the transition table ---
    [[nodiscard]] std::optional<Reply> check_nothing(const ParsedCommand& command) const;
    [[nodiscard]] std::optional<Reply> check_mail(const ParsedCommand& command) const;
    [[nodiscard]] std::optional<Reply> check_rcpt(const ParsedCommand& command) const;
    [[nodiscard]] std::optional<Reply> check_starttls(const ParsedCommand& command) const;
    [[nodiscard]] std::optional<Reply> check_auth(const ParsedCommand& command) const;
    [[nodiscard]] Reply out_of_order(Verb verb) const;
    void proceed_helo(ParsedCommand& command);
    void proceed_ehlo(ParsedCommand& command);
    void proceed_mail(ParsedCommand& command);
    void proceed_rcpt(ParsedCommand& command);
    void proceed_data(ParsedCommand& command);
    void proceed_rset(ParsedCommand& command);
    void proceed_noop(ParsedCommand& command);
    void proceed_help(ParsedCommand& command);
    void proceed_vrfy(ParsedCommand& command);
    void proceed_expn(ParsedCommand& command);
    void proceed_quit(ParsedCommand& command);
    void proceed_starttls(ParsedCommand& command);
    void sender_verdict(std::optional<Reply> refusal);
    void recipient_verdict(std::optional<Reply> refusal);

    // --- server_auth.cpp ---
    [[nodiscard]] bool auth_offered() const;
    void proceed_auth(ParsedCommand& command);
    void auth_line(std::string_view line);
    void auth_response(std::string_view base64);
    void auth_refused();
    void auth_verdict(AuthVerdict verdict);

    // --- server_content.cpp ---
    void proceed_bdat(ParsedCommand& command);
    void skip_chunk(std::uint64_t octets, Reply reply, ServerState resume);
    void message_opened(std::optional<Reply> refusal);
    void message_refused(Reply reply);
    void message_stored(std::string_view queue_id);
    void refuse_content(Reply reply);  // the rest of the content is swallowed
    void finish_content();             // the last octet was read: commit, or say why not
    [[nodiscard]] std::optional<Action> take_data();
    [[nodiscard]] std::optional<Action> take_chunk();
    [[nodiscard]] bool skip_octets();  // false: more are to come

    std::shared_ptr<const ServerOptions> options;
    ServerState state = ServerState::Created;
    bool asked = false;  // the question of the present state was given out
    bool abort_due = false;
    bool sent = false;      // `out` was given out and may go
    bool stopping = false;  // shut_down() was called
    Ending ending = Ending::None;
    std::size_t errors = 0;
    std::size_t auth_failures = 0;
    LineBuffer input;
    std::string out;
    Connection connection;
    Transaction transaction;
    AuthExchange auth;
    // RefusedChunk: what is to be skipped, then said, and where to go on.
    std::uint64_t skip_left = 0;
    Reply skip_reply;
    ServerState skip_resume = ServerState::Identified;
};

}  // namespace posthouse::protocol
