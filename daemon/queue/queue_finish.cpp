#include "config/units.h"
#include "daemon/queue/queue_impl.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace posthouse::queue {

using spool::RecipientState;

namespace {

// Replies kept for a bounce that has to wait for other recipients: enough for any real one, little for a
// hostile one.
constexpr std::size_t kKeptReplyText = 512;

EventKind kind_of(RecipientState state) {
    switch (state) {
        case RecipientState::Pending:
            return EventKind::Deferred;
        case RecipientState::Delivered:
            return EventKind::Delivered;
        case RecipientState::Failed:
            return EventKind::Failed;
        case RecipientState::Expired:
            return EventKind::Expired;
        case RecipientState::Held:
            return EventKind::Held;
    }
    return EventKind::Failed;
}

bool gave_up(RecipientState state) {
    return state == RecipientState::Failed || state == RecipientState::Expired;
}

std::string_view uncertain_text(RecipientState state) {
    constexpr std::string_view kLost = "the content was sent, the final reply never came: ";
    static const std::string again = std::string(kLost) + "it is tried again (uncertain: retry)";
    static const std::string assumed =
        std::string(kLost) + "taken as delivered (uncertain: assume_delivered)";
    static const std::string held = std::string(kLost) + "it waits for the operator (uncertain: hold)";
    if (state == RecipientState::Held) return held;
    return state == RecipientState::Delivered ? assumed : again;
}

}  // namespace

void Queue::Impl::note_newest(MessageIndex message, spool::MessageId id, spool::Location place) {
    Message& entry = messages[message];
    if (entry.id != id) return;
    // Completions of different durability may come out of order; the journal's order is that of its places.
    const auto at = [](spool::Location l) { return std::pair{l.segment, l.offset}; };
    if (at(entry.newest) < at(place)) entry.newest = place;
}

void Queue::Impl::tell_spool_error(spool::MessageId id, const Error& error) {
    Event failed = event(EventKind::SpoolError);
    failed.id = id;
    failed.text = error.message();
    failed.alert = true;
    observer.on_event(failed);
}

void Queue::Impl::append(MessageIndex message, spool::Record record, spool::Durability durability) {
    const spool::MessageId id = messages[message].id;
    journal.append(std::move(record), durability,
                   [this, watch = std::weak_ptr<bool>(alive), message, id](Result<spool::Location> place) {
                       if (watch.expired()) return;
                       if (place) {
                           note_newest(message, id, *place);
                       } else {
                           tell_spool_error(id, place.error());
                       }
                   });
}

void Queue::Impl::expire(JobIndex job) {
    const MessageIndex message = jobs[job].message;
    Ending ending;
    ending.attempt = jobs[job].attempts;
    const std::string age = config::to_string(router.expire_after(route_of[jobs[job].lane]));
    protocol::Reply reply;
    reply.text =
        jobs[job].last_code != 0
            ? fmt::format("expired after {}; the last answer of an upstream was {}", age, jobs[job].last_code)
            : fmt::format("expired after {}; no upstream answered for it", age);
    for (const std::uint16_t recipient : sets.get(jobs[job].recipients)) {
        spool::RecipientOutcome& outcome = ending.outcome.recipients.emplace_back();
        outcome.index = recipient;
        outcome.state = RecipientState::Expired;
        outcome.reply = reply;
    }
    ending.details.resize(ending.outcome.recipients.size());
    release_job(job);
    apply(message, std::move(ending));
}

// Everything that ends, defers or holds recipients comes through here: standing, record, events, and what
// follows when the message is through.
void Queue::Impl::apply(MessageIndex message, Ending ending) {
    Message& entry = messages[message];
    const spool::MessageId id = entry.id;
    spool::Outcome& outcome = ending.outcome;
    for (const spool::RecipientOutcome& recipient : outcome.recipients) {
        marks.at(entry, recipient.index).state = recipient.state;
        if (recipient.state == RecipientState::Pending || recipient.state == RecipientState::Held) continue;
        --entry.open;
        if (gave_up(recipient.state)) note_failure(entry, recipient);
    }
    const bool through = entry.open == 0;
    const bool bounce = through && failures.contains(id.value);
    outcome.id = id;
    outcome.previous = entry.newest;
    outcome.at = present;
    outcome.finished = through && !bounce;
    if (!through && outcome.next_due == TimePoint{}) outcome.next_due = earliest_due(entry);
    tell(entry, ending);
    const std::string upstream = outcome.upstream;
    if (outcome.finished) {
        journal.append(std::move(outcome), spool::Durability::Written, {});
        Event finished = event(EventKind::Finished);
        finished.id = id;
        observer.on_event(finished);
        forget(message);
        return;
    }
    append(message, std::move(outcome), spool::Durability::Written);
    if (bounce) request_bounce(message, upstream);
}

void Queue::Impl::tell(const Message& message, const Ending& ending) {
    // Neighbours with the same fate are one event.
    std::vector<Event> told;
    const auto say = [&](EventKind kind, const spool::RecipientOutcome& outcome,
                         const Ending::Detail& detail) {
        if (told.empty() || told.back().kind != kind || told.back().until != detail.due ||
            told.back().stage != detail.stage || told.back().reply != outcome.reply) {
            Event& next = told.emplace_back(event(kind));
            next.id = message.id;
            next.upstream = ending.outcome.upstream;
            next.attempt = ending.attempt;
            next.stage = detail.stage;
            next.reply = outcome.reply;
            next.until = detail.due;
            next.alert = kind == EventKind::Held || kind == EventKind::BounceFailed;
            if (kind == EventKind::Uncertain) next.text = uncertain_text(outcome.state);
        }
        told.back().recipients.push_back(outcome.index);
    };
    const std::vector<spool::RecipientOutcome>& outcomes = ending.outcome.recipients;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        if (outcomes[i].uncertain) say(EventKind::Uncertain, outcomes[i], ending.details[i]);
    }
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        say(kind_of(outcomes[i].state), outcomes[i], ending.details[i]);
    }
    for (std::size_t i = 0; message.no_sender && i < outcomes.size(); ++i) {
        if (gave_up(outcomes[i].state)) say(EventKind::BounceFailed, outcomes[i], ending.details[i]);
    }
    for (const Event& one : told)
        observer.on_event(one);
}

void Queue::Impl::note_failure(const Message& message, const spool::RecipientOutcome& outcome) {
    if (!message.bounceable || !marks.at(message, outcome.index).report) return;
    spool::RecipientOutcome& kept = failures[message.id.value].emplace_back(outcome);
    if (kept.reply.text.size() > kKeptReplyText) kept.reply.text.resize(kKeptReplyText);
}

void Queue::Impl::request_bounce(MessageIndex message, const std::string& upstream) {
    Message& entry = messages[message];
    entry.bouncing = true;
    std::vector<spool::RecipientOutcome>& failed = failures[entry.id.value];
    std::ranges::sort(failed, {}, &spool::RecipientOutcome::index);
    Event wanted = event(EventKind::BounceWanted);
    wanted.id = entry.id;
    wanted.upstream = upstream;
    for (const spool::RecipientOutcome& outcome : failed)
        wanted.recipients.push_back(outcome.index);
    observer.on_event(wanted);

    BounceRequest request;
    request.id = entry.id;
    request.location = entry.location;
    request.stored = hot.get(entry.hot);
    request.failed = failed;
    request.upstream = upstream;
    hot.drop(entry.hot);
    observer.bounce_wanted(std::move(request));
}

void Queue::Impl::bounce_stored(spool::MessageId id, TimePoint now) {
    advance(now);
    const MessageIndex message = ids.find(id);
    if (message != kNone && messages[message].bouncing) {
        failures.erase(id.value);
        apply(message, Ending{});
    }
    call_woken();
}

TimePoint Queue::Impl::earliest_due(const Message& message) const {
    TimePoint earliest{};
    for (JobIndex job = message.first_job; job != kNone; job = jobs[job].sibling) {
        if (jobs[job].state == JobState::Held) continue;
        // A connection has it: if we crash now it is tried again without further wait.
        const TimePoint due = jobs[job].state == JobState::InFlight ? present : jobs[job].due;
        if (earliest == TimePoint{} || due < earliest) earliest = due;
    }
    return earliest;
}

void Queue::Impl::release_job(JobIndex job) {
    Job& entry = jobs[job];
    if (entry.state == JobState::Ready) scheduler.remove(job);
    wheel.remove(job);
    sets.release(entry.recipients);
    Message& message = messages[entry.message];
    if (message.first_job == job) {
        message.first_job = entry.sibling;
    } else {
        JobIndex before = message.first_job;
        while (jobs[before].sibling != job)
            before = jobs[before].sibling;
        jobs[before].sibling = entry.sibling;
    }
    jobs.release(job);
}

void Queue::Impl::forget(MessageIndex message) {
    Message& entry = messages[message];
    failures.erase(entry.id.value);
    ids.erase(entry.id);
    hot.drop(entry.hot);
    marks.release(entry);
    messages.release(message);
}

}  // namespace posthouse::queue
