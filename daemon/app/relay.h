// Relay: the whole running daemon. Puts the rooms together, owns their lifetimes, starts and stops them in
// order. Read this second (after docs/architecture.md).
//
//     Relay relay(settings, clock, log);
//     if (auto opened = relay.open(); !opened) ...      // spool recovered, listeners bound
//     relay.run();                                      // until request_stop(); everything durable when it
//     returns
//
// Start: TLS contexts, users, spool (lock, recovery into the queue), listeners, admin. Stop: listeners close,
// clients are told 421 at a command boundary, running transactions may finish for kDrain, the spool is
// synced.
#pragma once

#include "config/schema.h"
#include "config/users_file.h"
#include "daemon/admin/server.h"
#include "daemon/app/bouncer.h"
#include "daemon/app/spool_journal.h"
#include "daemon/queue/queue.h"
#include "daemon/runtime/blocking_pool.h"
#include "daemon/runtime/clock.h"
#include "daemon/runtime/log.h"
#include "daemon/runtime/loop.h"
#include "daemon/spool/spool.h"
#include "daemon/submission/listener.h"
#include "daemon/upstream/dispatcher.h"
#include "protocol/result.h"

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace posthouse::app {

class Relay final : private queue::Observer, private spool::RecoveryVisitor {
  public:
    Relay(std::shared_ptr<const config::Settings> settings, const runtime::Clock& clock, runtime::Log& log);
    ~Relay() override;
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    [[nodiscard]] Result<void> open();
    // False: something did not end in time and may still refer to this object. Then call leave(), do not
    // destroy.
    [[nodiscard]] bool run();
    // Writes and syncs what the spool has; the process must exit right after.
    void leave();
    // From any thread, any number of times. The second request does not wait for running transactions.
    void request_stop();

    // The loop of the queue, for signals.
    [[nodiscard]] runtime::Loop& main_loop() { return queue_loop_; }
    // After open(): where clients may connect (real ports where 0 was configured).
    [[nodiscard]] std::vector<config::Endpoint> endpoints() const;

  private:
    // queue::Observer
    void work_available(queue::UpstreamIndex upstream, std::size_t ready) override;
    void bounce_wanted(queue::BounceRequest request) override;
    void on_event(const queue::Event& event) override;
    // spool::RecoveryVisitor
    void on_charge(const spool::Attempt& attempt) override;
    void on_upstream_state(spool::UpstreamState&& state) override;
    void on_message(spool::Recovered&& message) override;

    [[nodiscard]] Result<void> load_users();
    [[nodiscard]] Result<void> make_tls();
    [[nodiscard]] Result<void> open_spool();
    [[nodiscard]] Result<void> open_listeners();
    void report_recovery(const spool::RecoveryReport& report);
    void connect_spool_callbacks();
    void hand_over(spool::StoredPtr message, spool::Location location);
    void carry(spool::MessageId id, spool::Location from);
    void arm_queue_timer();
    void begin_drain();
    void watch_drain();
    void abandon_connections();
    [[nodiscard]] bool drained() const;

    std::shared_ptr<const config::Settings> settings_;
    const runtime::Clock& clock_;
    runtime::Log& log_;
    runtime::LoopPool loops_;
    runtime::Loop& queue_loop_;  // the first loop
    runtime::BlockingPool disk_{2};
    runtime::BlockingPool hashing_{1};
    std::atomic<std::uint64_t> buffered_{0};

    std::unique_ptr<spool::FileSystem> files_;
    SpoolJournal journal_;
    std::unique_ptr<queue::Queue> queue_;  // before the spool: recovery fills it
    std::unique_ptr<spool::Spool> spool_;
    std::unique_ptr<upstream::Services> upstream_services_;
    std::unique_ptr<upstream::Dispatcher> dispatcher_;
    std::unique_ptr<Bouncer> bouncer_;
    std::unique_ptr<submission::Services> submission_services_;
    std::unique_ptr<submission::Admission> admission_;
    std::vector<std::unique_ptr<submission::LoopConnections>> clients_;  // one per loop
    std::vector<std::unique_ptr<upstream::LoopConnections>> upstreams_;  // one per loop
    std::vector<std::unique_ptr<submission::Listener>> listeners_;
    std::unique_ptr<admin::Server> admin_;

    boost::asio::steady_timer queue_timer_;
    boost::asio::steady_timer drain_timer_;
    boost::asio::steady_timer log_timer_;
    TimePoint timer_at_ = TimePoint::max();
    TimePoint drain_until_{};
    std::atomic<int> stop_requests_{0};
    bool draining_ = false;
    bool abandoned_ = false;
};

}  // namespace posthouse::app
