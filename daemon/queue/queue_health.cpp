#include "daemon/queue/queue_impl.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace posthouse::queue {

using State = UpstreamHealth::State;

namespace {

// Jobs moved or expired in one tick at most, so that a million that are due together do not stop everything
// else.
constexpr std::size_t kTickBudget = 8192;
// A small limit is reached all the time; it is said once per window, but not more often than this.
constexpr Duration kQuotaSilence = std::chrono::minutes{1};

}  // namespace

void Queue::Impl::advance(TimePoint now) {
    present = std::max(present, now);
    const bool first = !std::exchange(started, true);
    if (first) {
        for (UpstreamEntry& upstream : upstreams)
            upstream.health.bound_pause(present);
    }
    if (present < next_change) return;
    next_change = TimePoint::max();
    for (UpstreamIndex i = 0; i < upstreams.size(); ++i) {
        UpstreamEntry& upstream = upstreams[i];
        upstream.quota.age(present);
        if (upstream.health.wake(present)) {
            Event probe = event(EventKind::UpstreamProbe);
            probe.upstream = name(i);
            probe.text = "the pause is over; one connection is tried";
            observer.on_event(probe);
            if (!std::exchange(upstream.wake, true)) woken.push_back(i);
        }
        refresh(i);
        // What recovery brought while the quota of an earlier run was still spent has woken nobody.
        if (first || upstream.health.state() == State::Trial) wake_if_work(i);
    }
}

void Queue::Impl::tick(TimePoint now) {
    advance(now);
    for (std::size_t budget = kTickBudget; budget > 0; --budget) {
        const JobIndex job = wheel.pop(present);
        if (job == kNone) break;
        if (expiry(jobs[job]) <= present) {
            expire(job);
        } else {
            make_ready(job, false);
            wake_for(jobs[job].lane);
        }
    }
    for (const MessageIndex message : std::exchange(unfinished, {})) {
        if (messages[message].open == 0 && failures.contains(messages[message].id.value)) {
            request_bounce(message, {});
        } else {
            refuse_unroutable(message);
        }
    }
    call_woken();
}

std::optional<TimePoint> Queue::Impl::next_wake() const {
    if (!started || !unfinished.empty()) return present;
    std::optional<TimePoint> wake = wheel.next();
    if (next_change != TimePoint::max() && (!wake || next_change < *wake)) wake = next_change;
    return wake;
}

// Works out anew whether the upstream may be given mail, and moves lanes accordingly.
void Queue::Impl::refresh(UpstreamIndex upstream) {
    UpstreamEntry& entry = upstreams[upstream];
    const bool quota_left = entry.quota.left(present).any();
    if (!quota_left) {
        const TimePoint free = entry.quota.next_free(present);
        next_change = std::min(next_change, free);
        for (std::size_t i = 0; i < entry.quota.windows().size(); ++i) {
            const SlidingWindow& window = entry.quota.windows()[i];
            if (window.available(present) > 0) continue;
            const Duration silence = std::max(window.limit().window, kQuotaSilence);
            if (entry.quota_told[i] != TimePoint{} && present - entry.quota_told[i] < silence) continue;
            entry.quota_told[i] = present;
            Event reached = event(EventKind::QuotaReached);
            reached.upstream = name(upstream);
            reached.until = free;
            reached.text = fmt::format("{} are used up", config::to_string(window.limit()));
            observer.on_event(reached);
        }
    }
    if (entry.health.state() == State::Paused)
        next_change = std::min(next_change, entry.health.paused_until());
    const bool open = quota_left && entry.health.state() == State::Open;
    scheduler.set_open(upstream, open, gained);
    for (const UpstreamIndex one : std::exchange(gained, {}))
        wake_if_work(one);
    // An upstream on trial owns no lane, but may take from those that an earlier one has just lost.
    for (UpstreamIndex one = 0; one < upstreams.size(); ++one) {
        if (upstreams[one].health.state() == State::Trial) wake_if_work(one);
    }
}

void Queue::Impl::paused(UpstreamIndex upstream, const UpstreamHealth::Pause& pause, protocol::Stage stage,
                         const protocol::Reply& reply) {
    Event told = event(EventKind::UpstreamPaused);
    told.upstream = name(upstream);
    told.stage = stage;
    told.reply = reply;
    told.until = pause.until;
    told.text = upstreams[upstream].health.reason();
    told.alert = pause.first;
    observer.on_event(told);
    write_upstream_state(upstream, spool::Durability::Written);
    refresh(upstream);
}

void Queue::Impl::resumed(UpstreamIndex upstream) {
    Event told = event(EventKind::UpstreamResumed);
    told.upstream = name(upstream);
    observer.on_event(told);
    write_upstream_state(upstream, spool::Durability::Written);
    refresh(upstream);
}

void Queue::Impl::connection_failed(UpstreamIndex upstream, const ConnectionFailure& failure, TimePoint now) {
    advance(now);
    if (const auto pause = upstreams[upstream].health.connection_failed(failure.reason, present)) {
        paused(upstream, *pause, failure.stage, failure.reply);
    }
    call_woken();
}

void Queue::Impl::connection_ready(UpstreamIndex upstream, TimePoint now) {
    advance(now);
    if (upstreams[upstream].health.connection_ready()) {
        resumed(upstream);
    } else if (upstreams[upstream].health.state() == State::Trial) {
        wake_if_work(upstream);
    }
    call_woken();
}

// How many jobs the upstream could be given now.
std::size_t Queue::Impl::takeable(UpstreamIndex upstream) const {
    const UpstreamEntry& entry = upstreams[upstream];
    const std::uint64_t messages_left = entry.quota.left(present).messages;
    switch (entry.health.state()) {
        case State::Open:
            return static_cast<std::size_t>(
                std::min<std::uint64_t>(scheduler.ready(upstream), messages_left));
        case State::Trial:
            if (entry.in_flight > 0 || !entry.quota.left(present).any()) return 0;
            return std::min<std::size_t>(scheduler.waiting_for(upstream), 1);
        case State::Paused:
        case State::Probing:
            return 0;
    }
    return 0;
}

std::size_t Queue::Impl::connections_wanted(UpstreamIndex upstream, TimePoint now) const {
    const UpstreamEntry& entry = upstreams[upstream];
    switch (entry.health.state()) {
        case State::Paused:
            return now < entry.health.paused_until() ? 0 : 1;
        case State::Probing:
            return 1;
        case State::Trial:
            return std::min<std::size_t>(takeable(upstream) + entry.in_flight, 1);
        case State::Open:
            return std::min(entry.config->connections, takeable(upstream) + entry.in_flight);
    }
    return 0;
}

// A job was put into this lane. See "Waking" in queue_impl.h.
void Queue::Impl::wake_for(LaneIndex lane) {
    const std::optional<UpstreamIndex> owner = scheduler.owner(lane);
    for (const UpstreamIndex one : scheduler.via(lane)) {
        if (one == owner) break;
        if (upstreams[one].health.state() == State::Trial) wake_if_work(one);
    }
    if (!owner) return;
    const UpstreamEntry& entry = upstreams[*owner];
    if (scheduler.ready(*owner) + entry.in_flight <= entry.config->connections) wake_if_work(*owner);
}

void Queue::Impl::wake_if_work(UpstreamIndex upstream) {
    if (upstreams[upstream].wake || takeable(upstream) == 0) return;
    upstreams[upstream].wake = true;
    woken.push_back(upstream);
}

void Queue::Impl::call_woken() {
    for (const UpstreamIndex upstream : woken) {
        upstreams[upstream].wake = false;
        const bool probe = upstreams[upstream].health.state() == State::Probing;
        const std::size_t ready = probe ? 1 : takeable(upstream);
        if (ready > 0) observer.work_available(upstream, ready);
    }
    woken.clear();
}

void Queue::Impl::write_upstream_state(UpstreamIndex upstream, spool::Durability durability) {
    spool::UpstreamState state;
    state.upstream = name(upstream);
    state.at = present;
    upstreams[upstream].health.save(state);
    // What is in flight counts as late as it may: after a crash nobody can tell when the provider counted it.
    Quota quota = upstreams[upstream].quota;
    for (const Flight& flight : flights) {
        if (flight.job == kNone || flight.upstream != upstream || flight.charged == 0) continue;
        quota.settle(flight.taken_at, TimePoint::max(), flight.charged);
    }
    state.limits = quota.state();
    journal.append(std::move(state), durability, {});
}

void Queue::Impl::write_upstream_states(TimePoint now) {
    advance(now);
    for (UpstreamIndex i = 0; i < upstreams.size(); ++i) {
        upstreams[i].quota.age(present);
        write_upstream_state(i, spool::Durability::Relaxed);
    }
    call_woken();
}

}  // namespace posthouse::queue
