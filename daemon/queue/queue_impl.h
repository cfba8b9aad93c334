// The inside of Queue: its parts and the paths between them, one file per path.
//
//   queue_intake.cpp   add, recovery, carry: messages come in, are rebuilt, are described for a rewrite
//   queue_relay.cpp    take, settle, give_back: a message leaves, or comes back
//   queue_finish.cpp   outcomes, expiry, bounces: a message ends
//   queue_health.cpp   upstreams: pauses, quotas, whose turn it is, whom to wake
//   queue_view.cpp     what people see
//
// Waking. Observer::work_available(u) is called when ready jobs of u exist that the connections known to be
// at work will not come for by themselves. A connection asks with take() whenever it is ready or has settled;
// so u must be woken when
//   - a job is added to it and ready + in flight <= connections: beyond that every connection is busy or
//   already
//     called, and will ask again;
//   - jobs become due, are moved to it because another upstream closed or it opened itself, or come back with
//   a
//     connection that is lost (settle with connection_usable = false, give_back, an attempt not recorded);
//   - its pause is over: the probe is called for.
// Calls are gathered while a public function runs and made at its end, at most one per upstream.
#pragma once

#include "daemon/queue/entry.h"
#include "daemon/queue/hot_store.h"
#include "daemon/queue/id_index.h"
#include "daemon/queue/limits.h"
#include "daemon/queue/queue.h"
#include "daemon/queue/recipient_sets.h"
#include "daemon/queue/retry_policy.h"
#include "daemon/queue/router.h"
#include "daemon/queue/scheduler.h"
#include "daemon/queue/settlement.h"
#include "daemon/queue/timing_wheel.h"
#include "daemon/queue/upstream_health.h"

#include <memory>
#include <set>
#include <string_view>
#include <unordered_map>

namespace posthouse::queue {

struct Queue::Impl {
    struct UpstreamEntry {
        explicit UpstreamEntry(const config::Upstream& settings)
            : config(&settings),
              quota(settings.limits),
              health(settings.recovery),
              quota_told(settings.limits.size()) {}
        const config::Upstream* config;
        Quota quota;
        UpstreamHealth health;
        std::size_t in_flight = 0;
        bool wake = false;                  // work_available() is due
        std::vector<TimePoint> quota_told;  // when QuotaReached was last said, per limit
    };
    // A job with a connection. The ticket is generation << 32 | place.
    struct Flight {
        JobIndex job = kNone;
        std::uint32_t generation = 1;
        UpstreamIndex upstream = 0;
        std::uint32_t charged = 0;  // recipients; 0: nothing
        bool in_journal = false;    // an Attempt record was written
        TimePoint taken_at{};
    };
    // All a settled transaction, or an expiry, did to one message.
    struct Ending {
        struct Detail {
            protocol::Stage stage = protocol::Stage::Connect;
            TimePoint due{};  // next try of a recipient that is deferred
        };
        spool::Outcome outcome;
        std::vector<Detail> details;  // parallel to outcome.recipients
        std::uint32_t attempt = 0;
    };

    Impl(std::shared_ptr<const config::Settings> settings, Journal& journal, Observer& observer,
         std::uint64_t random_seed, std::size_t hot_bytes);

    // --- intake ---
    void recover_charge(const spool::Attempt& attempt);
    void recover_upstream(const spool::UpstreamState& state);
    void recover_message(spool::Recovered message, TimePoint now);
    void add(const spool::StoredPtr& stored, spool::Location location, TimePoint now);
    void carry(spool::MessageId id, spool::Location from, const spool::Stored& content);
    MessageIndex enter(const spool::Accepted& accepted, spool::Location location, spool::Location newest,
                       std::vector<RecipientMark> marks);
    std::vector<JobIndex> make_jobs(MessageIndex index, const spool::Accepted& accepted);
    JobIndex make_job(MessageIndex message, LaneIndex lane, std::vector<std::uint16_t> recipients);
    [[nodiscard]] LaneIndex lane_of(RouteIndex route, std::uint64_t size) const;
    void refuse_unroutable(MessageIndex message);

    // --- relay ---
    std::optional<Assignment> take(UpstreamIndex upstream, TimePoint now, AttemptRecorded recorded);
    void settle(std::uint64_t ticket, const protocol::TransactionResult& result, TimePoint now);
    void give_back(std::uint64_t ticket, std::string reason, std::optional<TimePoint> retry_at,
                   TimePoint now);
    JobIndex detach(JobIndex job, std::size_t recipients);
    std::uint64_t launch(JobIndex job, UpstreamIndex upstream);
    std::optional<Flight> land(std::uint64_t ticket);
    void record_attempt(std::uint64_t ticket, AttemptRecorded recorded);
    void settle_upstream(UpstreamIndex upstream, Settlement& settlement,
                         const protocol::TransactionResult& result);
    void return_unused(const Flight& flight, std::optional<TimePoint> retry_at);
    void refund(const Flight& flight);
    void make_ready(JobIndex job, bool at_front);
    void wait_until(JobIndex job, TimePoint due);

    void cool(MessageIndex message);

    // --- finish ---
    void expire(JobIndex job);
    void apply(MessageIndex message, Ending ending);
    void tell(const Message& message, const Ending& ending);
    void request_bounce(MessageIndex message, const std::string& upstream);
    void bounce_stored(spool::MessageId id, TimePoint now);
    void note_failure(const Message& message, const spool::RecipientOutcome& outcome);
    void forget(MessageIndex message);
    void release_job(JobIndex job);
    void append(MessageIndex message, spool::Record record, spool::Durability durability);
    void note_newest(MessageIndex message, spool::MessageId id, spool::Location place);
    void tell_spool_error(spool::MessageId id, const Error& error);
    [[nodiscard]] TimePoint earliest_due(const Message& message) const;

    // --- health ---
    void advance(TimePoint now);
    void tick(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> next_wake() const;
    void connection_failed(UpstreamIndex upstream, const ConnectionFailure& failure, TimePoint now);
    void connection_ready(UpstreamIndex upstream, TimePoint now);
    void paused(UpstreamIndex upstream, const UpstreamHealth::Pause& pause, protocol::Stage stage,
                const protocol::Reply& reply);
    void resumed(UpstreamIndex upstream);
    void refresh(UpstreamIndex upstream);
    [[nodiscard]] std::size_t takeable(UpstreamIndex upstream) const;
    [[nodiscard]] std::size_t connections_wanted(UpstreamIndex upstream, TimePoint now) const;
    void wake_for(LaneIndex lane);
    void wake_if_work(UpstreamIndex upstream);
    void call_woken();
    void write_upstream_state(UpstreamIndex upstream, spool::Durability durability);
    void write_upstream_states(TimePoint now);

    // --- view ---
    [[nodiscard]] View view(const Message& message, TimePoint now) const;
    [[nodiscard]] std::vector<View> list(spool::MessageId after, std::size_t limit, TimePoint now) const;
    [[nodiscard]] std::vector<UpstreamView> views(TimePoint now) const;

    // --- shared ---
    [[nodiscard]] TimePoint expiry(const Job& job) const;
    [[nodiscard]] TimePoint wheel_time(JobIndex job) const;
    [[nodiscard]] std::optional<UpstreamIndex> upstream_named(std::string_view name) const;
    [[nodiscard]] const std::string& name(UpstreamIndex upstream) const;
    [[nodiscard]] Event event(EventKind kind) const;

    std::shared_ptr<const config::Settings> settings;
    Journal& journal;
    Observer& observer;
    Router router;
    RetryPolicy retry;
    Slab<Message> messages;
    Slab<Job> jobs;
    IdIndex ids;
    RecipientSets sets;
    MarkLists marks;
    HotStore hot;
    Scheduler scheduler;
    TimingWheel wheel;
    std::vector<UpstreamEntry> upstreams;
    std::vector<LaneIndex> first_lane;  // of each route; its lanes follow one another, one per size step
    std::vector<RouteIndex> route_of;   // of each lane
    std::vector<Flight> flights;
    std::vector<std::uint32_t> free_flights;
    std::size_t in_flight = 0;
    // Failures to report once the message is through. Few: only of messages with other recipients still open.
    std::unordered_map<std::uint64_t, std::vector<spool::RecipientOutcome>> failures;
    std::vector<MessageIndex>
        unfinished;  // recovered with nothing left to relay; looked at in the first tick
    std::set<std::string, std::less<>> unknown_upstreams;
    std::vector<UpstreamIndex> woken;          // those with UpstreamEntry::wake
    std::vector<UpstreamIndex> gained;         // scratch of refresh()
    TimePoint present{};                       // the greatest `now` seen; time never goes back in here
    TimePoint next_change = TimePoint::min();  // when a pause or an exhausted quota may end
    bool started = false;                      // the first advance() was made
    // Completions of the journal may outlive the queue: they hold this weakly and look first.
    std::shared_ptr<bool> alive = std::make_shared<bool>(true);
};

}  // namespace posthouse::queue
