#include "config/units.h"
#include "daemon/queue/queue_impl.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace posthouse::queue {

using spool::RecipientState;

namespace {

bool is_final(RecipientState state) {
    return state == RecipientState::Delivered || state == RecipientState::Failed ||
           state == RecipientState::Expired;
}

// RFC 3461 4.1: without NOTIFY failures are reported; with it only if FAILURE is among its words.
bool wants_report(const protocol::Recipient& recipient) {
    return recipient.notify == 0 || (recipient.notify & protocol::kNotifyFailure) != 0;
}

std::uint16_t saturated(std::uint32_t value) {
    return static_cast<std::uint16_t>(
        std::min<std::uint32_t>(value, std::numeric_limits<std::uint16_t>::max()));
}

}  // namespace

LaneIndex Queue::Impl::lane_of(RouteIndex route, std::uint64_t size) const {
    const std::vector<std::uint64_t>& steps = router.size_steps(route);
    const auto passed = std::ranges::lower_bound(steps, size) - steps.begin();
    return first_lane[route] + static_cast<LaneIndex>(passed);
}

MessageIndex Queue::Impl::enter(const spool::Accepted& accepted, spool::Location location,
                                spool::Location newest, std::vector<RecipientMark> standing) {
    const MessageIndex message = messages.allocate();
    Message& entry = messages[message];
    entry.id = accepted.id;
    entry.location = location;
    entry.newest = newest;
    entry.accepted_at = accepted.accepted_at;
    entry.size = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(accepted.facts.size, std::numeric_limits<std::uint32_t>::max()));
    entry.no_sender = accepted.is_bounce || accepted.envelope.sender.empty();
    entry.bounceable = !entry.no_sender && settings->bounces.to != config::BounceTarget::None;
    entry.recipients = static_cast<std::uint16_t>(standing.size());
    entry.open = static_cast<std::uint16_t>(
        std::ranges::count_if(standing, [](RecipientMark mark) { return !is_final(mark.state); }));
    if (!standing.empty()) marks.keep(entry, std::move(standing));
    ids.insert(message);
    return message;
}

JobIndex Queue::Impl::make_job(MessageIndex message, LaneIndex lane, std::vector<std::uint16_t> recipients) {
    const JobIndex job = jobs.allocate();
    Job& entry = jobs[job];
    entry.message = message;
    entry.lane = lane;
    entry.recipients = sets.put(std::move(recipients));
    entry.sibling = messages[message].first_job;
    messages[message].first_job = job;
    return job;
}

// One job per route and standing (Pending, Held) of the recipients that are not final.
std::vector<JobIndex> Queue::Impl::make_jobs(MessageIndex index, const spool::Accepted& accepted) {
    struct Group {
        RouteIndex route;
        RecipientState state;
        std::vector<std::uint16_t> recipients;
    };
    std::vector<Group> groups;
    const Message& message = messages[index];
    for (std::uint16_t i = 0; i < message.recipients; ++i) {
        const RecipientState state = marks.at(message, i).state;
        if (is_final(state)) continue;
        const RouteIndex route =
            router.route(accepted.envelope.sender, accepted.envelope.recipients[i].address, accepted.login,
                         accepted.is_bounce);
        const auto same = std::ranges::find_if(
            groups, [&](const Group& group) { return group.route == route && group.state == state; });
        if (same != groups.end()) {
            same->recipients.push_back(i);
        } else {
            groups.push_back(Group{route, state, {i}});
        }
    }
    std::vector<JobIndex> made;
    made.reserve(groups.size());
    for (Group& group : groups) {
        const LaneIndex lane = lane_of(group.route, message.size);
        const JobIndex job = make_job(index, lane, std::move(group.recipients));
        // Held is also the state of a job that no upstream can take, until it is refused.
        const bool held = group.state == RecipientState::Held || scheduler.via(lane).empty();
        jobs[job].state = held ? JobState::Held : JobState::Waiting;
        made.push_back(job);
    }
    return made;
}

void Queue::Impl::add(const spool::StoredPtr& stored, spool::Location location, TimePoint now) {
    const spool::Accepted& accepted = stored->accepted;
    if (ids.find(accepted.id) != kNone) return;
    advance(now);
    std::vector<RecipientMark> standing;
    standing.reserve(accepted.envelope.recipients.size());
    for (const protocol::Recipient& recipient : accepted.envelope.recipients) {
        RecipientMark& mark = standing.emplace_back();
        mark.report = wants_report(recipient);
    }
    const MessageIndex message = enter(accepted, location, location, std::move(standing));

    Event queued = event(EventKind::Queued);
    queued.id = accepted.id;
    for (const JobIndex job : make_jobs(message, accepted)) {
        jobs[job].due = present;
        const LaneIndex lane = jobs[job].lane;
        if (!queued.text.empty()) queued.text += "; ";
        queued.text += router.description(route_of[lane]);
        if (jobs[job].state == JobState::Held) continue;
        make_ready(job, false);
        wake_for(lane);
        // In memory only if it can leave: the mail of a paused upstream does not crowd out the others'.
        if (messages[message].hot == kNone && scheduler.owner(lane)) messages[message].hot = hot.keep(stored);
    }
    observer.on_event(queued);
    refuse_unroutable(message);
    call_woken();
}

// Recipients whose message is larger than every upstream of their route takes fail at once. A message for
// which nothing is left to do is ended.
void Queue::Impl::refuse_unroutable(MessageIndex message) {
    Ending ending;
    JobIndex next = kNone;
    for (JobIndex job = messages[message].first_job; job != kNone; job = next) {
        next = jobs[job].sibling;
        if (!scheduler.via(jobs[job].lane).empty()) continue;
        const std::vector<std::uint64_t>& steps = router.size_steps(route_of[jobs[job].lane]);
        const protocol::Reply reply(
            552, protocol::EnhancedCode{5, 3, 4},
            fmt::format(
                "the message has {} octets; no upstream of its route takes more than {} (max_message_size)",
                messages[message].size, steps.back()));
        for (const std::uint16_t recipient : sets.get(jobs[job].recipients)) {
            spool::RecipientOutcome& outcome = ending.outcome.recipients.emplace_back();
            outcome.index = recipient;
            outcome.state = RecipientState::Failed;
            outcome.reply = reply;
        }
        release_job(job);
    }
    if (ending.outcome.recipients.empty() && messages[message].open > 0) return;
    std::ranges::sort(ending.outcome.recipients, {}, &spool::RecipientOutcome::index);
    ending.details.resize(ending.outcome.recipients.size());
    apply(message, std::move(ending));
}

void Queue::Impl::recover_charge(const spool::Attempt& attempt) {
    if (const auto upstream = upstream_named(attempt.upstream); upstream && attempt.recipients > 0) {
        upstreams[*upstream].quota.recover(attempt.at, attempt.recipients);
    }
}

void Queue::Impl::recover_upstream(const spool::UpstreamState& state) {
    if (const auto upstream = upstream_named(state.upstream)) {
        upstreams[*upstream].quota.restore(state.limits);
        upstreams[*upstream].health.restore(state);
        return;
    }
    if (!unknown_upstreams.insert(state.upstream).second) return;
    Event unknown = event(EventKind::UpstreamUnknown);
    unknown.upstream = state.upstream;
    unknown.text =
        "the spool remembers this upstream, the configuration does not name it: its pause and the use of "
        "its limits are dropped";
    observer.on_event(unknown);
}

void Queue::Impl::recover_message(spool::Recovered recovered, TimePoint now) {
    present = std::max(present, now);
    if (wheel.empty()) wheel.start(present);
    const spool::Accepted& accepted = recovered.accepted;
    if (ids.find(accepted.id) != kNone) return;
    std::vector<RecipientMark> standing;
    standing.reserve(accepted.envelope.recipients.size());
    for (std::size_t i = 0; i < accepted.envelope.recipients.size(); ++i) {
        RecipientMark& mark = standing.emplace_back();
        mark.report = wants_report(accepted.envelope.recipients[i]);
        if (i < recovered.recipients.size()) mark.state = recovered.recipients[i].state;
    }
    const MessageIndex message = enter(accepted, recovered.location, recovered.newest, std::move(standing));
    messages[message].recovered = true;
    for (std::uint16_t i = 0; i < messages[message].recipients; ++i) {
        const RecipientMark mark = marks.at(messages[message], i);
        if (mark.state != RecipientState::Failed && mark.state != RecipientState::Expired) continue;
        spool::RecipientOutcome outcome;
        outcome.index = i;
        outcome.state = mark.state;
        outcome.reply = std::move(recovered.recipients[i].reply);
        note_failure(messages[message], outcome);
    }

    bool refused = false;
    // A clock that was set back must not turn a wait of hours into one of days.
    const TimePoint due = std::min(recovered.next_due, present + retry.longest());
    for (const JobIndex job : make_jobs(message, accepted)) {
        Job& entry = jobs[job];
        entry.attempts = saturated(recovered.attempts);
        const std::uint16_t first = sets.get(entry.recipients).front();
        if (first < recovered.recipients.size()) entry.last_code = recovered.recipients[first].reply.code;
        if (entry.state == JobState::Held) {
            refused |= scheduler.via(entry.lane).empty();
        } else if (due > present) {
            wait_until(job, due);
        } else {
            entry.due = std::min(present, std::max(due, accepted.accepted_at));
            make_ready(job, false);
            wake_for(entry.lane);
        }
    }
    if (refused || messages[message].open == 0) unfinished.push_back(message);
}

void Queue::Impl::carry(spool::MessageId id, spool::Location from, const spool::Stored& content) {
    const MessageIndex message = ids.find(id);
    if (message == kNone || messages[message].location != from) return;
    const Message& entry = messages[message];
    spool::Carried state;
    state.accepted = content.accepted;
    state.recipients.resize(entry.recipients);
    for (std::uint16_t i = 0; i < entry.recipients; ++i) {
        state.recipients[i].state = marks.at(entry, i).state;
    }
    // Of the replies only those that a bounce will quote are in memory.
    if (const auto known = failures.find(id.value); known != failures.end()) {
        for (const spool::RecipientOutcome& failure : known->second) {
            state.recipients[failure.index].reply = failure.reply;
        }
    }
    for (JobIndex job = entry.first_job; job != kNone; job = jobs[job].sibling) {
        state.attempts = std::max<std::uint32_t>(state.attempts, jobs[job].attempts);
    }
    state.next_due = earliest_due(entry);
    journal.carry(std::move(state), from,
                  [this, watch = std::weak_ptr<bool>(alive), message, id](Result<spool::Location> place) {
                      if (watch.expired()) return;
                      if (!place) {
                          tell_spool_error(id, place.error());
                          return;
                      }
                      if (messages[message].id != id) return;
                      messages[message].location = *place;
                      note_newest(message, id, *place);
                  });
}

}  // namespace posthouse::queue
