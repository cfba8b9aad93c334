// SessionDriver: plays the shell around a ServerSession in memory, and throws std::logic_error where the
// session breaks its contract (a Body without an open message, an empty Send). Answers its questions from
// queues, records what it does, and feeds it bytes in any split. The connection's own rules hold: bytes go in
// only when they are asked for.
#pragma once

#include "protocol/server_session.h"

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::protocol::testing {

// The length of the next piece, given how much is left; at least 1.
using Splitter = std::function<std::size_t(std::size_t)>;
[[nodiscard]] Splitter whole();
[[nodiscard]] Splitter octets();
[[nodiscard]] Splitter random_pieces(unsigned seed);

class SessionDriver {
  public:
    explicit SessionDriver(ServerOptions options);

    void start(bool trusted_network, std::optional<TlsFacts> tls);
    // What is left of the input when the session closes or turns to TLS is dropped, as a shell would.
    void feed(std::string_view input, const Splitter& split);
    void pump();
    // The shell gives up the open message in the middle of its content; nothing without one.
    void refuse_content(const Reply& reply);

    // What came out since the last call.
    [[nodiscard]] std::string take_output();
    [[nodiscard]] std::vector<std::string> take_actions();

    // Answers for the questions to come, in order; without one a question is answered with yes, a login with
    // no.
    std::deque<AuthVerdict> auth_verdicts;
    std::deque<std::optional<Reply>> sender_verdicts, recipient_verdicts, open_verdicts, commit_verdicts;
    std::string queue_id = "QID";
    // The shell gives up at the n-th Body from now on; 0: never.
    std::size_t refuse_body_at = 0;

    [[nodiscard]] ServerSession& session() { return session_; }
    [[nodiscard]] bool closed() const { return closed_; }
    [[nodiscard]] const std::vector<std::string>& contents() const {
        return contents_;
    }  // of stored messages

  private:
    ServerSession session_;
    std::string output_;
    std::vector<std::string> actions_;
    std::string body_;
    std::vector<std::string> contents_;
    bool message_open_ = false;  // as the shell sees it
    bool closed_ = false;
    bool wants_input_ = false;
};

// CR, LF, other control octets and the backslash as \r, \n, \xNN, \\; and back. Nothing where an escape is
// unknown.
[[nodiscard]] std::string escaped(std::string_view text);
[[nodiscard]] std::optional<std::string> unescaped(std::string_view text);

}  // namespace posthouse::protocol::testing
