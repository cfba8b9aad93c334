#include "daemon/queue/queue_impl.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace posthouse::queue {

using spool::RecipientState;

namespace {

// "Soon" (RetrySoon): long enough for another connection to be there, and not for ever.
constexpr Duration kSoon = std::chrono::seconds{1};
constexpr std::uint8_t kSoonInRow = 2;
// An attempt could not be recorded: the spool is in trouble. Do not spin on it.
constexpr Duration kAfterSpoolError = std::chrono::seconds{1};

}  // namespace

void Queue::Impl::make_ready(JobIndex job, bool at_front) {
    jobs[job].state = JobState::Ready;
    if (at_front) {
        scheduler.push_front(job);
    } else {
        scheduler.push_back(job);
    }
    wheel.insert(job);
}

void Queue::Impl::wait_until(JobIndex job, TimePoint due) {
    jobs[job].state = JobState::Waiting;
    jobs[job].due = due;
    wheel.insert(job);
}

// The job that is to fly: this one, or a new one with its first `recipients` recipients.
JobIndex Queue::Impl::detach(JobIndex job, std::size_t recipients) {
    if (recipients >= sets.size(jobs[job].recipients)) {
        scheduler.remove(job);
        wheel.remove(job);
        return job;
    }
    const JobIndex part =
        make_job(jobs[job].message, jobs[job].lane, sets.take_first(jobs[job].recipients, recipients));
    jobs[part].due = jobs[job].due;
    jobs[part].attempts = jobs[job].attempts;
    jobs[part].last_code = jobs[job].last_code;
    jobs[part].soon = jobs[job].soon;
    return part;
}

std::uint64_t Queue::Impl::launch(JobIndex job, UpstreamIndex upstream) {
    if (free_flights.empty()) {
        free_flights.push_back(static_cast<std::uint32_t>(flights.size()));
        flights.emplace_back();
    }
    const std::uint32_t place = free_flights.back();
    free_flights.pop_back();
    Flight& flight = flights[place];
    flight.job = job;
    flight.upstream = upstream;
    flight.charged = 0;
    flight.in_journal = false;
    flight.taken_at = present;
    jobs[job].state = JobState::InFlight;
    if (jobs[job].attempts < std::numeric_limits<std::uint16_t>::max()) ++jobs[job].attempts;
    ++upstreams[upstream].in_flight;
    ++in_flight;
    return std::uint64_t{flight.generation} << 32U | place;
}

std::optional<Queue::Impl::Flight> Queue::Impl::land(std::uint64_t ticket) {
    const auto place = static_cast<std::uint32_t>(ticket & 0xFFFFFFFFU);
    if (place >= flights.size() || flights[place].generation != ticket >> 32U) return std::nullopt;
    const Flight flight = flights[place];
    if (flight.job == kNone) return std::nullopt;
    flights[place].job = kNone;
    ++flights[place].generation;
    free_flights.push_back(place);
    --upstreams[flight.upstream].in_flight;
    --in_flight;
    return flight;
}

std::optional<Assignment> Queue::Impl::take(UpstreamIndex upstream, TimePoint now, AttemptRecorded recorded) {
    advance(now);
    UpstreamEntry& taker = upstreams[upstream];
    taker.quota.age(present);
    const std::optional<JobIndex> next =
        takeable(upstream) > 0 ? scheduler.next(upstream) : std::optional<JobIndex>{};
    if (!next) {
        call_woken();
        return std::nullopt;
    }
    const std::uint64_t most =
        std::min<std::uint64_t>(taker.config->max_recipients, taker.quota.left(present).recipients);
    const JobIndex job = detach(*next, static_cast<std::size_t>(std::max<std::uint64_t>(most, 1)));
    const std::uint64_t ticket = launch(job, upstream);

    const Message& message = messages[jobs[job].message];
    Assignment assignment;
    assignment.ticket = ticket;
    assignment.id = message.id;
    assignment.upstream = upstream;
    assignment.stored = hot.get(message.hot);
    assignment.location = message.location;
    assignment.recipients = sets.get(jobs[job].recipients);
    assignment.attempt = jobs[job].attempts;

    if (taker.quota.limited()) {
        Flight& flight = flights[ticket & 0xFFFFFFFFU];
        flight.charged = static_cast<std::uint32_t>(assignment.recipients.size());
        taker.quota.charge(present, flight.charged);
        refresh(upstream);
    }
    record_attempt(ticket, std::move(recorded));
    call_woken();
    return assignment;
}

void Queue::Impl::record_attempt(std::uint64_t ticket, AttemptRecorded recorded) {
    Flight& flight = flights[ticket & 0xFFFFFFFFU];
    const JobIndex job = flight.job;
    const MessageIndex message = jobs[job].message;
    const spool::MessageId id = messages[message].id;
    Event offered = event(EventKind::Attempt);
    offered.id = id;
    offered.upstream = name(flight.upstream);
    offered.recipients = sets.get(jobs[job].recipients);
    offered.attempt = jobs[job].attempts;

    // Of the first attempt of a message that was accepted in this run, Accepted itself is the record.
    const bool was_recovered = messages[message].recovered;
    if (flight.charged == 0 && jobs[job].attempts == 1 && !was_recovered) {
        observer.on_event(offered);
        recorded(true);
        return;
    }
    flight.in_journal = true;
    messages[message].recovered = false;
    spool::Attempt attempt;
    attempt.id = id;
    attempt.previous = messages[message].newest;
    attempt.at = present;
    attempt.upstream = offered.upstream;
    attempt.number = jobs[job].attempts;
    attempt.next_due = retry.next(present, jobs[job].attempts);
    attempt.recipients = flight.charged;
    const auto durability = flight.charged > 0 ? spool::Durability::Synced : spool::Durability::Written;
    journal.append(std::move(attempt), durability,
                   [this, watch = std::weak_ptr<bool>(alive), ticket, message, id, was_recovered,
                    offered = std::move(offered),
                    recorded = std::move(recorded)](Result<spool::Location> place) mutable {
                       if (watch.expired()) return;
                       if (place) {
                           note_newest(message, id, *place);
                           offered.at = present;
                           observer.on_event(offered);
                           recorded(true);
                           return;
                       }
                       tell_spool_error(id, place.error());
                       if (const std::optional<Flight> landed = land(ticket)) {
                           messages[message].recovered |= was_recovered;
                           refund(*landed);
                           return_unused(*landed, present + kAfterSpoolError);
                       }
                       recorded(false);
                       call_woken();
                   });
}

// The attempt could not begin, certainly: the provider saw nothing and did not count. (What the journal may
// hold of it counts after a restart: too much there can only delay, never exceed.)
void Queue::Impl::refund(const Flight& flight) {
    if (flight.charged == 0) return;
    upstreams[flight.upstream].quota.refund(flight.taken_at, flight.charged);
    refresh(flight.upstream);
}

void Queue::Impl::return_unused(const Flight& flight, std::optional<TimePoint> retry_at) {
    Job& job = jobs[flight.job];
    --job.attempts;
    if (retry_at && *retry_at > present) {
        wait_until(flight.job, *retry_at);
        cool(job.message);
    } else {
        make_ready(flight.job, true);
        wake_for(job.lane);
    }
    wake_if_work(flight.upstream);
}

void Queue::Impl::give_back(std::uint64_t ticket, std::string reason, std::optional<TimePoint> retry_at,
                            TimePoint now) {
    advance(now);
    if (const std::optional<Flight> flight = land(ticket)) {
        Event back = event(EventKind::GivenBack);
        back.id = messages[jobs[flight->job].message].id;
        back.upstream = name(flight->upstream);
        back.recipients = sets.get(jobs[flight->job].recipients);
        back.attempt = jobs[flight->job].attempts;
        back.until = retry_at.value_or(TimePoint{});
        back.text = std::move(reason);
        observer.on_event(back);
        return_unused(*flight, retry_at);
    }
    call_woken();
}

void Queue::Impl::settle(std::uint64_t ticket, const protocol::TransactionResult& result, TimePoint now) {
    advance(now);
    const std::optional<Flight> flight = land(ticket);
    if (!flight) {
        call_woken();
        return;
    }
    const UpstreamIndex upstream = flight->upstream;
    if (flight->charged > 0) {
        upstreams[upstream].quota.settle(flight->taken_at, present, flight->charged);
        refresh(upstream);
    }
    const JobIndex job = flight->job;
    const MessageIndex message = jobs[job].message;
    const std::vector<std::uint16_t> recipients = sets.get(jobs[job].recipients);
    Settlement settlement = settlement_of(result, recipients.size(), upstreams[upstream].config->uncertain);

    // The upstream first: what comes back must find the lanes as they are after this.
    settle_upstream(upstream, settlement, result);

    Ending ending;
    ending.attempt = jobs[job].attempts;
    ending.outcome.upstream = name(upstream);
    ending.outcome.recipients.reserve(recipients.size());
    const TimePoint by_schedule = retry.next(present, jobs[job].attempts);
    const bool soon_allowed = jobs[job].soon < kSoonInRow;
    std::array<std::vector<std::uint16_t>, 3> back;  // by Return
    std::vector<std::uint16_t> held;
    std::uint16_t last_code = jobs[job].last_code;
    for (std::size_t i = 0; i < recipients.size(); ++i) {
        Decision decision = settlement.recipients[i];
        if (decision.back == Return::Soon && !soon_allowed) decision.back = Return::BySchedule;
        spool::RecipientOutcome& outcome = ending.outcome.recipients.emplace_back();
        Ending::Detail& detail = ending.details.emplace_back();
        outcome.index = recipients[i];
        outcome.state = decision.state;
        outcome.uncertain = decision.uncertain;
        if (i < result.recipients.size()) {
            outcome.reply = result.recipients[i].reply;
            detail.stage = result.recipients[i].stage;
        }
        if (decision.state == RecipientState::Held) held.push_back(recipients[i]);
        if (decision.state != RecipientState::Pending) continue;
        back[static_cast<std::size_t>(decision.back)].push_back(recipients[i]);
        if (outcome.reply.code != 0) last_code = outcome.reply.code;
        detail.due = decision.back == Return::BySchedule ? by_schedule
                     : decision.back == Return::Soon     ? present + kSoon
                                                         : present;
        TimePoint& earliest = ending.outcome.next_due;
        if (earliest == TimePoint{} || detail.due < earliest) earliest = detail.due;
    }

    // The job goes on with one group of what is left; each further group is a job of its own.
    const Job as_flown = jobs[job];
    bool job_used = false;
    const auto go_on = [&](std::vector<std::uint16_t> group) {
        JobIndex next = job;
        if (job_used) {
            next = make_job(message, as_flown.lane, std::move(group));
            jobs[next].attempts = as_flown.attempts;
        } else {
            sets.release(as_flown.recipients);
            jobs[job].recipients = sets.put(std::move(group));
            job_used = true;
        }
        jobs[next].last_code = last_code;
        jobs[next].soon = 0;
        return next;
    };
    auto& [by_schedule_back, soon_back, at_once_back] = back;
    const bool comes_back = !by_schedule_back.empty() || !soon_back.empty() || !at_once_back.empty();
    if (!by_schedule_back.empty()) wait_until(go_on(std::move(by_schedule_back)), by_schedule);
    if (!soon_back.empty()) {
        const JobIndex next = go_on(std::move(soon_back));
        jobs[next].soon = static_cast<std::uint8_t>(as_flown.soon + 1);
        wait_until(next, present + kSoon);
    }
    if (!at_once_back.empty()) {
        const JobIndex next = go_on(std::move(at_once_back));
        jobs[next].due = present;
        make_ready(next, true);
        wake_for(as_flown.lane);
    }
    if (!held.empty()) jobs[go_on(std::move(held))].state = JobState::Held;
    if (!job_used) release_job(job);

    if (comes_back && !flight->in_journal) {
        // The first attempt had no record of its own; now that there will be others, it gets one to be
        // counted by.
        spool::Attempt attempt;
        attempt.id = messages[message].id;
        attempt.previous = messages[message].newest;
        attempt.at = flight->taken_at;
        attempt.upstream = ending.outcome.upstream;
        attempt.number = as_flown.attempts;
        attempt.next_due = ending.outcome.next_due;
        journal.append(std::move(attempt), spool::Durability::Written, {});
    }
    cool(message);
    apply(message, std::move(ending));
    if (!result.connection_usable) wake_if_work(upstream);
    call_woken();
}

void Queue::Impl::settle_upstream(UpstreamIndex upstream, Settlement& settlement,
                                  const protocol::TransactionResult& result) {
    UpstreamHealth& health = upstreams[upstream].health;
    std::optional<UpstreamHealth::Pause> pause;
    switch (settlement.effect) {
        case UpstreamEffect::None:
            return;
        case UpstreamEffect::Decided:
            if (health.transaction_decided()) resumed(upstream);
            return;
        case UpstreamEffect::BrokeOff:
            pause = health.transaction_broke_off(std::move(settlement.reason), present);
            break;
        case UpstreamEffect::Paused:
            pause = health.account_refused(std::move(settlement.reason), present);
            break;
    }
    if (!pause) return;
    const protocol::Stage stage =
        result.recipients.empty() ? protocol::Stage::Mail : result.recipients.front().stage;
    paused(upstream, *pause, stage, result.final_reply);
}

// What is not to leave soon gives its place in memory to newer messages.
void Queue::Impl::cool(MessageIndex message) {
    Message& entry = messages[message];
    for (JobIndex job = entry.first_job; job != kNone; job = jobs[job].sibling) {
        if (jobs[job].state == JobState::Ready || jobs[job].state == JobState::InFlight) return;
    }
    // With nothing left to relay the bounce, if there is one, may still use it.
    if (entry.first_job != kNone) hot.drop(entry.hot);
}

}  // namespace posthouse::queue
