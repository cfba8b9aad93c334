#include "daemon/queue/queue.h"

#include "daemon/queue/queue_impl.h"

#include <algorithm>
#include <utility>

namespace posthouse::queue {

Queue::Impl::Impl(std::shared_ptr<const config::Settings> given_settings, Journal& given_journal,
                  Observer& given_observer, std::uint64_t random_seed, std::size_t hot_bytes)
    : settings(std::move(given_settings)),
      journal(given_journal),
      observer(given_observer),
      router(*settings),
      retry(settings->retry, random_seed),
      ids(messages),
      hot(hot_bytes),
      scheduler(jobs, settings->upstreams.size()),
      wheel(jobs, [this](JobIndex job) { return wheel_time(job); }) {
    upstreams.reserve(settings->upstreams.size());
    for (const config::Upstream& upstream : settings->upstreams)
        upstreams.emplace_back(upstream);
    for (RouteIndex route = 0; route < router.routes(); ++route) {
        for (std::size_t step = 0; step <= router.size_steps(route).size(); ++step) {
            const LaneIndex lane = scheduler.add_lane(router.upstreams(route, step), router.priority(route));
            if (step == 0) first_lane.push_back(lane);
            route_of.push_back(route);
        }
    }
}

TimePoint Queue::Impl::expiry(const Job& job) const {
    return messages[job.message].accepted_at + router.expire_after(route_of[job.lane]);
}

TimePoint Queue::Impl::wheel_time(JobIndex job) const {
    const TimePoint expires = expiry(jobs[job]);
    return jobs[job].state == JobState::Waiting ? std::min(jobs[job].due, expires) : expires;
}

std::optional<UpstreamIndex> Queue::Impl::upstream_named(std::string_view wanted) const {
    for (UpstreamIndex i = 0; i < upstreams.size(); ++i) {
        if (name(i) == wanted) return i;
    }
    return std::nullopt;
}

const std::string& Queue::Impl::name(UpstreamIndex upstream) const {
    return upstreams[upstream].config->name;
}

Event Queue::Impl::event(EventKind kind) const {
    Event made;
    made.kind = kind;
    made.at = present;
    return made;
}

Queue::Queue(std::shared_ptr<const config::Settings> settings, Journal& journal, Observer& observer,
             std::uint64_t random_seed, std::size_t hot_bytes)
    : impl_(std::make_unique<Impl>(std::move(settings), journal, observer, random_seed, hot_bytes)) {}

Queue::~Queue() = default;

void Queue::recover_charge(const spool::Attempt& attempt) {
    impl_->recover_charge(attempt);
}

void Queue::recover_upstream(const spool::UpstreamState& state) {
    impl_->recover_upstream(state);
}

void Queue::recover_message(spool::Recovered message, TimePoint now) {
    impl_->recover_message(std::move(message), now);
}

void Queue::add(const spool::StoredPtr& message, spool::Location location, TimePoint now) {
    impl_->add(message, location, now);
}

std::optional<Assignment> Queue::take(UpstreamIndex upstream, TimePoint now, AttemptRecorded recorded) {
    return impl_->take(upstream, now, std::move(recorded));
}

void Queue::settle(std::uint64_t ticket, const protocol::TransactionResult& result, TimePoint now) {
    impl_->settle(ticket, result, now);
}

void Queue::give_back(std::uint64_t ticket, std::string reason, std::optional<TimePoint> retry_at,
                      TimePoint now) {
    impl_->give_back(ticket, std::move(reason), retry_at, now);
}

void Queue::connection_failed(UpstreamIndex upstream, const ConnectionFailure& failure, TimePoint now) {
    impl_->connection_failed(upstream, failure, now);
}

void Queue::connection_ready(UpstreamIndex upstream, TimePoint now) {
    impl_->connection_ready(upstream, now);
}

void Queue::bounce_stored(spool::MessageId id, TimePoint now) {
    impl_->bounce_stored(id, now);
}

void Queue::tick(TimePoint now) {
    impl_->tick(now);
}

std::optional<TimePoint> Queue::next_wake() const {
    return impl_->next_wake();
}

void Queue::write_upstream_states(TimePoint now) {
    impl_->write_upstream_states(now);
}

void Queue::carry(spool::MessageId id, spool::Location from, const spool::Stored& content) {
    impl_->carry(id, from, content);
}

std::size_t Queue::size() const {
    return impl_->ids.size();
}

std::size_t Queue::in_flight() const {
    return impl_->in_flight;
}

std::size_t Queue::in_flight(UpstreamIndex upstream) const {
    return impl_->upstreams[upstream].in_flight;
}

std::size_t Queue::connections_wanted(UpstreamIndex upstream, TimePoint now) const {
    return impl_->connections_wanted(upstream, now);
}

std::vector<View> Queue::list(spool::MessageId after, std::size_t limit, TimePoint now) const {
    return impl_->list(after, limit, now);
}

std::optional<View> Queue::find(spool::MessageId id, TimePoint now) const {
    const MessageIndex message = impl_->ids.find(id);
    if (message == kNone) return std::nullopt;
    return impl_->view(impl_->messages[message], now);
}

std::vector<UpstreamView> Queue::upstreams(TimePoint now) const {
    return impl_->views(now);
}

}  // namespace posthouse::queue
