// SpoolJournal: the queue's Journal on the real spool; completions come back to the queue's loop.
//
// The queue exists before the spool is open, because recovery fills it; attach() comes before any append.
#pragma once

#include "daemon/queue/queue.h"
#include "daemon/runtime/loop.h"
#include "daemon/spool/spool.h"

namespace posthouse::app {

class SpoolJournal final : public queue::Journal {
  public:
    explicit SpoolJournal(runtime::Loop& queue_loop) : queue_loop_(queue_loop) {}
    void attach(spool::Spool& spool) { spool_ = &spool; }

    void append(spool::Record record, spool::Durability durability, spool::AppendDone done) override;
    void carry(spool::Carried state, spool::Location from, spool::AppendDone done) override;

  private:
    spool::AppendDone on_queue_loop(spool::AppendDone done);

    runtime::Loop& queue_loop_;
    spool::Spool* spool_ = nullptr;
};

}  // namespace posthouse::app
