// Dispatcher: brings the queue and the connections to upstreams together. Opens as many connections as the
// queue wants, hands each ready one its next message, tells the queue what came of it, and closes the idle
// ones.
//
// Lives on the queue's loop; connections live on any loop and talk to it by the functions marked "any loop".
// The queue is the only judge of what may leave when; the dispatcher only moves things.
#pragma once

#include "daemon/queue/queue.h"
#include "daemon/runtime/await.h"
#include "daemon/runtime/deadlines.h"
#include "daemon/upstream/services.h"

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace posthouse::upstream {

class Connection;

// The upstream connections of one loop; touched on that loop only.
struct LoopConnections {
    runtime::Loop& loop;
    runtime::Deadlines deadlines;
    std::set<Connection*> open;

    explicit LoopConnections(runtime::Loop& on) : loop(on), deadlines(on) {}
};

// A connection that asked for work. Shared by the connection (to give up) and the dispatcher (to answer).
struct Waiter {
    queue::UpstreamIndex upstream = 0;
    runtime::Loop* loop = nullptr;
    runtime::Resume<std::optional<queue::Assignment>> resume;  // empty once answered
};
using WaiterPtr = std::shared_ptr<Waiter>;

class Dispatcher {
  public:
    Dispatcher(Services& services, queue::Queue& queue, runtime::Loop& queue_loop,
               std::vector<std::unique_ptr<LoopConnections>>& loops, std::function<void()> queue_changed);
    ~Dispatcher();
    Dispatcher(const Dispatcher&) = delete;
    Dispatcher& operator=(const Dispatcher&) = delete;

    // Queue's loop. The queue says that messages wait for this upstream.
    void work_available(queue::UpstreamIndex upstream);
    // Queue's loop. No new transactions; waiting connections quit, connecting ones give up. Running
    // transactions may finish.
    void stop();
    // Queue's loop: how many connections exist.
    [[nodiscard]] std::size_t connections() const;
    [[nodiscard]] std::size_t connections(queue::UpstreamIndex upstream) const { return open_[upstream]; }

    // Any loop. The next message for a ready connection; answered on waiter->loop, with nothing if the
    // connection shall end. Answered: that is certain to come without a give_up().
    enum class Asked : std::uint8_t { Answered, Waiting };
    Asked next(WaiterPtr waiter);
    // Any loop. The connection does not want to wait any longer: answered with nothing, unless it was
    // already.
    void give_up(WaiterPtr waiter);
    void settle(std::uint64_t ticket, protocol::TransactionResult result);
    void give_back(std::uint64_t ticket, std::string reason, std::optional<Duration> retry_after);
    void connection_ready(queue::UpstreamIndex upstream);
    void connection_failed(queue::UpstreamIndex upstream, queue::ConnectionFailure failure);
    void connection_ended(queue::UpstreamIndex upstream);

  private:
    void schedule_pump();
    void pump();
    void pump(queue::UpstreamIndex upstream);
    void serve_or_keep(const WaiterPtr& waiter);
    bool try_take(const WaiterPtr& waiter);
    void answer(Waiter& waiter, std::optional<queue::Assignment> assignment);
    void open_connection(queue::UpstreamIndex upstream);

    Services& services_;
    queue::Queue& queue_;
    runtime::Loop& queue_loop_;
    std::vector<std::unique_ptr<LoopConnections>>& loops_;
    std::function<void()> queue_changed_;         // its next_wake() may be earlier now
    std::vector<std::deque<WaiterPtr>> waiting_;  // by upstream
    std::vector<std::size_t> open_;               // by upstream: connecting, busy or idle
    std::vector<bool> wanted_;                    // by upstream: pump() shall look at it
    std::size_t next_loop_ = 0;
    bool pumping_ = false;
    bool stopped_ = false;
};

}  // namespace posthouse::upstream
