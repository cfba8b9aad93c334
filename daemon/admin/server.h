// Server: the admin HTTP API on Boost.Beast (design.md section 6). So far: health, and reading the queue.
//
//   GET /healthz                         alive
//   GET /readyz                          accepting, spool writable, not draining
//   GET /api/v1/queue?after=ID&limit=N   messages in order of age, at most 1000 a page, with `next` as cursor
//   GET /api/v1/messages/ID              one message: envelope, state, timeline
//   GET /api/v1/upstreams                state and use of limits
//
// Listens on unix sockets and loopback addresses only. Lives on the queue's loop; what needs the disk is read
// on a disk thread; requests are bounded in size and time. One error shape:
// {"error":{"code":...,"message":...}}.
#pragma once

#include "config/schema.h"
#include "daemon/queue/queue.h"
#include "daemon/runtime/blocking_pool.h"
#include "daemon/runtime/clock.h"
#include "daemon/runtime/log.h"
#include "daemon/runtime/loop.h"
#include "daemon/spool/spool.h"
#include "protocol/result.h"

#include <functional>
#include <memory>

namespace posthouse::admin {

struct Services {
    std::shared_ptr<const config::Settings> settings;
    queue::Queue& queue;
    spool::Spool& spool;
    const runtime::Clock& clock;
    runtime::Log& log;
    runtime::BlockingPool& disk;
    runtime::Loop& queue_loop;
    std::function<bool()> accepting;
};

class Server {
  public:
    explicit Server(Services services);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    [[nodiscard]] Result<void> open();
    void start();
    void stop();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace posthouse::admin
