#include "daemon/upstream/dispatcher.h"

#include "daemon/upstream/connection.h"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <exception>
#include <numeric>
#include <utility>

namespace posthouse::upstream {

using queue::UpstreamIndex;

Dispatcher::Dispatcher(Services& services, queue::Queue& queue, runtime::Loop& queue_loop,
                       std::vector<std::unique_ptr<LoopConnections>>& loops,
                       std::function<void()> queue_changed)
    : services_(services),
      queue_(queue),
      queue_loop_(queue_loop),
      loops_(loops),
      queue_changed_(std::move(queue_changed)),
      waiting_(services.settings->upstreams.size()),
      open_(services.settings->upstreams.size()),
      wanted_(services.settings->upstreams.size()) {}

Dispatcher::~Dispatcher() = default;

void Dispatcher::work_available(UpstreamIndex upstream) {
    wanted_[upstream] = true;
    schedule_pump();
}

// The queue calls work_available() from inside its own functions and must not be called back: the pump runs
// later.
void Dispatcher::schedule_pump() {
    if (pumping_) return;
    pumping_ = true;
    queue_loop_.post([this] { pump(); });
}

void Dispatcher::pump() {
    pumping_ = false;
    for (UpstreamIndex i = 0; i < wanted_.size(); ++i) {
        if (!wanted_[i]) continue;
        wanted_[i] = false;
        pump(i);
    }
}

void Dispatcher::pump(UpstreamIndex upstream) {
    if (stopped_) return;
    auto& waiting = waiting_[upstream];
    while (!waiting.empty()) {
        const auto waiter = waiting.front();
        if (!waiter->resume) {  // gave up meanwhile
            waiting.pop_front();
            continue;
        }
        if (!try_take(waiter)) return;  // nothing to do for those who wait: no need for more of them
        waiting.pop_front();
    }
    const auto wanted = queue_.connections_wanted(upstream, services_.clock.now());
    while (open_[upstream] < wanted)
        open_connection(upstream);
}

bool Dispatcher::try_take(const WaiterPtr& waiter) {
    // The answer may come now or after the attempt is on disk; the assignment waits for it here.
    auto pending = std::make_shared<std::optional<queue::Assignment>>();
    auto verdict = std::make_shared<std::optional<bool>>();
    auto recorded = [this, waiter, pending, verdict](bool may_begin) {
        if (!*pending) {
            *verdict = may_begin;  // called inside take(): answered below
            return;
        }
        if (may_begin) {
            answer(*waiter, std::move(*pending));
        } else if (waiter->resume) {
            waiting_[waiter->upstream].push_back(waiter);
            work_available(waiter->upstream);
        }
    };
    auto assignment = queue_.take(waiter->upstream, services_.clock.now(), std::move(recorded));
    queue_changed_();
    if (!assignment) return false;
    if (!*verdict) {
        *pending = std::move(assignment);
        return true;
    }
    if (!**verdict) return false;
    answer(*waiter, std::move(assignment));
    return true;
}

void Dispatcher::answer(Waiter& waiter, std::optional<queue::Assignment> assignment) {
    if (!waiter.resume) {
        // It gave up while the attempt was being recorded: the message goes back untouched.
        if (assignment) {
            queue_.give_back(assignment->ticket, "the connection closed", std::nullopt,
                             services_.clock.now());
        }
        return;
    }
    waiter.loop->post([resume = std::exchange(waiter.resume, {}), work = std::move(assignment)]() mutable {
        resume(std::move(work));
    });
}

Dispatcher::Asked Dispatcher::next(WaiterPtr waiter) {
    if (queue_loop_.here()) {
        serve_or_keep(waiter);
        return waiter->resume ? Asked::Waiting : Asked::Answered;
    }
    queue_loop_.post([this, waiter = std::move(waiter)] { serve_or_keep(waiter); });
    return Asked::Waiting;
}

void Dispatcher::serve_or_keep(const WaiterPtr& waiter) {
    if (stopped_) {
        answer(*waiter, std::nullopt);
    } else if (!try_take(waiter)) {
        waiting_[waiter->upstream].push_back(waiter);
    }
}

void Dispatcher::give_up(WaiterPtr waiter) {
    queue_loop_.dispatch([this, waiter = std::move(waiter)] {
        auto& waiting = waiting_[waiter->upstream];
        std::erase(waiting, waiter);
        if (waiter->resume) answer(*waiter, std::nullopt);
    });
}

void Dispatcher::settle(std::uint64_t ticket, protocol::TransactionResult result) {
    queue_loop_.dispatch([this, ticket, result = std::move(result)] {
        queue_.settle(ticket, result, services_.clock.now());
        queue_changed_();
    });
}

void Dispatcher::give_back(std::uint64_t ticket, std::string reason, std::optional<Duration> retry_after) {
    queue_loop_.dispatch([this, ticket, reason = std::move(reason), retry_after] {
        const auto now = services_.clock.now();
        std::optional<TimePoint> retry_at;
        if (retry_after) retry_at = now + *retry_after;
        queue_.give_back(ticket, reason, retry_at, now);
        queue_changed_();
    });
}

void Dispatcher::connection_ready(UpstreamIndex upstream) {
    queue_loop_.dispatch([this, upstream] { queue_.connection_ready(upstream, services_.clock.now()); });
}

void Dispatcher::connection_failed(UpstreamIndex upstream, queue::ConnectionFailure failure) {
    queue_loop_.dispatch([this, upstream, failure = std::move(failure)] {
        if (stopped_) return;
        queue_.connection_failed(upstream, failure, services_.clock.now());
        queue_changed_();
    });
}

void Dispatcher::connection_ended(UpstreamIndex upstream) {
    queue_loop_.dispatch([this, upstream] {
        --open_[upstream];
        work_available(upstream);
    });
}

void Dispatcher::open_connection(UpstreamIndex upstream) {
    ++open_[upstream];
    LoopConnections& on = *loops_[next_loop_];
    next_loop_ = (next_loop_ + 1) % loops_.size();
    on.loop.dispatch([this, &on, upstream] {
        auto connection = std::make_shared<Connection>(services_, *this, on.loop, on.deadlines, upstream);
        on.open.insert(connection.get());
        auto ended = [this, &on, upstream, connection](const std::exception_ptr& failure) {
            on.open.erase(connection.get());
            if (failure) std::rethrow_exception(failure);  // a bug: nothing of ours throws
            connection_ended(upstream);
        };
        boost::asio::co_spawn(on.loop.io(), connection->run(), std::move(ended));
    });
}

void Dispatcher::stop() {
    stopped_ = true;
    for (auto& waiting : waiting_) {
        for (const auto& waiter : waiting) {
            if (waiter->resume) answer(*waiter, std::nullopt);
        }
        waiting.clear();
    }
    for (auto& on : loops_) {
        on->loop.dispatch([&on] {
            for (auto* connection : on->open)
                connection->shut_down();
        });
    }
}

std::size_t Dispatcher::connections() const {
    return std::accumulate(open_.begin(), open_.end(), std::size_t{0});
}

}  // namespace posthouse::upstream
