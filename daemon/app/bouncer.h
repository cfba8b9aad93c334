// Bouncer: makes bounces. Reads what is to be returned from the spool, builds the report, puts it into the
// spool and the queue like any other message, and only then tells the queue that the failed message is done
// with: a crash in between makes the bounce again, never loses it. Lives on the queue's loop.
//
// RFC 3464 (the report), RFC 5321 6.1 (never a bounce for a bounce: the queue does not ask for one).
#pragma once

#include "config/schema.h"
#include "daemon/queue/queue.h"
#include "daemon/runtime/blocking_pool.h"
#include "daemon/runtime/clock.h"
#include "daemon/runtime/log.h"
#include "daemon/runtime/loop.h"
#include "daemon/runtime/task.h"
#include "daemon/spool/spool.h"

#include <cstddef>
#include <memory>

namespace posthouse::app {

class Bouncer {
  public:
    Bouncer(std::shared_ptr<const config::Settings> settings, spool::Spool& spool, queue::Queue& queue,
            runtime::Loop& queue_loop, runtime::BlockingPool& disk, const runtime::Clock& clock,
            runtime::Log& log);

    // May be called from inside the queue: works later.
    void make(queue::BounceRequest request);
    [[nodiscard]] std::size_t in_work() const { return in_work_; }

  private:
    runtime::Task<void> run(std::shared_ptr<queue::BounceRequest> request);
    [[nodiscard]] Result<spool::StoredPtr> load(const queue::BounceRequest& request) const;
    [[nodiscard]] spool::StoredPtr build(const queue::BounceRequest& request,
                                         const spool::Stored& original) const;
    void retry_later(const std::shared_ptr<queue::BounceRequest>& request, const Error& error);

    std::shared_ptr<const config::Settings> settings_;
    spool::Spool& spool_;
    queue::Queue& queue_;
    runtime::Loop& queue_loop_;
    runtime::BlockingPool& disk_;
    const runtime::Clock& clock_;
    runtime::Log& log_;
    std::size_t in_work_ = 0;
};

}  // namespace posthouse::app
