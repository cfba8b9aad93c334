// Connection: one client's connection; performs what ServerSession asks for. One coroutine on one loop.
#pragma once

#include "daemon/net/stream.h"
#include "daemon/runtime/deadlines.h"
#include "daemon/runtime/task.h"
#include "daemon/submission/intake.h"
#include "daemon/submission/services.h"
#include "protocol/server_session.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse::submission {

class Connection {
  public:
    // `options` are the listener's; `refusal`: greet with this reply and close.
    Connection(Services& services, runtime::Loop& loop, runtime::Deadlines& deadlines, net::Socket socket,
               net::PeerAddress peer, const config::Listener& listener,
               std::shared_ptr<const protocol::ServerOptions> options,
               std::optional<protocol::Reply> refusal);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    runtime::Task<void> run();

    // 421 at the next command boundary; a message that is arriving may finish. On the connection's loop.
    void shut_down();
    // Cuts the connection: the time for good manners is over.
    void abandon();

  private:
    // False: nothing to read, the machine was told to stop.
    [[nodiscard]] bool before_read(protocol::ServerDeadline deadline);
    void after_read(const net::ReadResult& read);
    runtime::Task<bool> send(std::string_view bytes);
    runtime::Task<bool> start_tls();
    runtime::Task<void> check_auth(protocol::ServerSession::CheckAuth question);
    void take_body(std::string_view bytes);
    runtime::Task<void> store_body();
    void refuse(protocol::Reply reply);
    runtime::Task<void> commit();
    // What needs no waiting. False: perform() it.
    [[nodiscard]] bool perform_now(const protocol::ServerSession::Action& action);
    runtime::Task<bool> perform(protocol::ServerSession::Action action);
    void open_message(const protocol::Envelope& envelope);
    [[nodiscard]] std::optional<protocol::Reply> judge_sender(const protocol::Envelope& envelope) const;
    [[nodiscard]] bool from_trusted_network() const;
    void expire();
    void end_transaction();

    Services& services_;
    runtime::Loop& loop_;
    net::Stream stream_;
    net::PeerAddress peer_;
    const config::Listener& listener_;
    std::optional<protocol::Reply> refusal_;
    protocol::ServerSession session_;
    Intake intake_;
    runtime::Deadlines::Entry deadline_;
    std::string_view unsent_;  // of the session's last Send, what the socket did not take at once
    std::unique_ptr<char[]> input_;
    std::size_t input_size_ = 0;
    bool counted_ = false;  // this session's transaction is announced to the spool
    bool reading_ = false;
    bool expired_ = false;
    bool stopping_ = false;
    bool abandoned_ = false;
};

}  // namespace posthouse::submission
