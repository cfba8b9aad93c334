// Connection: one connection to an upstream; performs what ClientDialogue asks for, message after message.
// One coroutine on one loop.
#pragma once

#include "daemon/net/stream.h"
#include "daemon/queue/queue.h"
#include "daemon/runtime/deadlines.h"
#include "daemon/runtime/task.h"
#include "daemon/upstream/connector.h"
#include "daemon/upstream/content_source.h"
#include "daemon/upstream/dispatcher.h"
#include "daemon/upstream/services.h"
#include "protocol/client_dialogue.h"

#include <memory>
#include <optional>
#include <string>

namespace posthouse::upstream {

class Connection {
  public:
    Connection(Services& services, Dispatcher& dispatcher, runtime::Loop& loop, runtime::Deadlines& deadlines,
               queue::UpstreamIndex upstream);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    runtime::Task<void> run();

    // On the connection's loop. Connecting stops; a running transaction may finish.
    void shut_down();
    // Cuts the connection: a running transaction becomes what the machine says of it.
    void abandon();

  private:
    // How the dialogue stands when there is nothing to perform.
    enum class Pause : std::uint8_t { Ready, Done, Over };

    runtime::Task<bool> connect();
    runtime::Task<Pause> advance();
    void after_read(const net::ReadResult& read);
    runtime::Task<void> send(std::string_view bytes);
    runtime::Task<void> start_tls();
    runtime::Task<std::string> handshake();
    runtime::Task<void> send_content(bool chunked, std::string_view prefix);
    runtime::Task<bool> write_content();
    runtime::Task<std::optional<queue::Assignment>> next_assignment();
    runtime::Task<bool> relay(queue::Assignment assignment);
    runtime::Task<Result<spool::StoredPtr>> load(const queue::Assignment& assignment);
    void fail(const protocol::ClientDialogue::Failed& failed);
    void watch_while_idle(const WaiterPtr& waiter);
    void log_ready();
    [[nodiscard]] std::chrono::milliseconds duration_of(protocol::ClientDialogue::Deadline deadline) const;
    void expire();

    Services& services_;
    Dispatcher& dispatcher_;
    runtime::Loop& loop_;
    queue::UpstreamIndex index_;
    const config::Upstream& upstream_;
    Connector connector_;
    std::unique_ptr<net::Stream> stream_;
    std::unique_ptr<char[]> input_;
    protocol::ClientDialogue dialogue_;
    runtime::Deadlines::Entry deadline_;
    runtime::Deadlines::Entry idle_deadline_;
    WaiterPtr idle_;  // while waiting for work
    std::string address_;
    std::string output_;
    std::unique_ptr<ContentSource> content_;
    std::optional<protocol::TransactionResult> result_;
    bool ready_once_ = false;
    bool expired_ = false;
    bool stopping_ = false;
};

}  // namespace posthouse::upstream
