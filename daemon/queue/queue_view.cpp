#include "daemon/queue/queue_impl.h"

#include <algorithm>

namespace posthouse::queue {

using State = UpstreamHealth::State;

namespace {

// Of several jobs the message shows the one that is farthest on its way.
int rank(Waiting waiting) {
    switch (waiting) {
        case Waiting::InFlight:
            return 0;
        case Waiting::Bouncing:
            return 1;
        case Waiting::Ready:
            return 2;
        case Waiting::Quota:
            return 3;
        case Waiting::Paused:
            return 4;
        case Waiting::Retry:
            return 5;
        case Waiting::Held:
            return 6;
    }
    return 7;
}

}  // namespace

View Queue::Impl::view(const Message& message, TimePoint now) const {
    View view;
    view.id = message.id;
    view.location = message.location;
    view.newest = message.newest;
    view.accepted_at = message.accepted_at;
    view.due = TimePoint::max();
    view.waiting = message.bouncing ? Waiting::Bouncing : Waiting::Held;
    for (JobIndex index = message.first_job; index != kNone; index = jobs[index].sibling) {
        const Job& job = jobs[index];
        Waiting waiting = Waiting::Ready;
        TimePoint due = now;
        switch (job.state) {
            case JobState::InFlight:
                waiting = Waiting::InFlight;
                break;
            case JobState::Held:
                waiting = Waiting::Held;
                due = TimePoint::max();
                break;
            case JobState::Waiting:
                waiting = Waiting::Retry;
                due = job.due;
                break;
            case JobState::Ready:
                if (scheduler.owner(job.lane)) break;
                // All closed. The first that can open again decides; a quota is told rather than a pause.
                due = TimePoint::max();
                waiting = Waiting::Paused;
                for (const UpstreamIndex upstream : scheduler.via(job.lane)) {
                    const UpstreamEntry& entry = upstreams[upstream];
                    TimePoint open = entry.quota.next_free(now);
                    if (entry.health.state() == State::Open) {
                        waiting = Waiting::Quota;
                    } else {
                        open = std::max(open, entry.health.paused_until());
                    }
                    due = std::min(due, std::max(open, now));
                }
                break;
        }
        if (message.first_job == index || rank(waiting) < rank(view.waiting)) view.waiting = waiting;
        view.due = std::min(view.due, due);
        view.attempts = std::max<std::uint32_t>(view.attempts, job.attempts);
        const TimePoint expires = expiry(job);
        if (view.expires_at == TimePoint{} || expires < view.expires_at) view.expires_at = expires;
        const std::string& route = router.description(route_of[job.lane]);
        if (view.route.find(route) == std::string::npos) {
            if (!view.route.empty()) view.route += "; ";
            view.route += route;
        }
        if (job.state != JobState::Held) {
            view.recipients_pending =
                static_cast<std::uint16_t>(view.recipients_pending + sets.size(job.recipients));
        }
    }
    if (view.due == TimePoint::max()) view.due = TimePoint{};
    return view;
}

std::vector<View> Queue::Impl::list(spool::MessageId after, std::size_t limit, TimePoint now) const {
    // The entries lie in no order. A heap keeps the `limit` smallest ids seen, the greatest on top.
    const auto by_id = [this](MessageIndex a, MessageIndex b) { return messages[a].id < messages[b].id; };
    std::vector<MessageIndex> found;
    for (MessageIndex message = 0; limit > 0 && message < messages.end(); ++message) {
        const spool::MessageId id = messages[message].id;
        if (id <= after) continue;  // free entries have id 0
        if (found.size() == limit) {
            if (messages[found.front()].id < id) continue;
            std::ranges::pop_heap(found, by_id);
            found.pop_back();
        }
        found.push_back(message);
        std::ranges::push_heap(found, by_id);
    }
    std::ranges::sort_heap(found, by_id);
    std::vector<View> views;
    views.reserve(found.size());
    for (const MessageIndex message : found)
        views.push_back(view(messages[message], now));
    return views;
}

std::vector<UpstreamView> Queue::Impl::views(TimePoint now) const {
    std::vector<UpstreamView> all;
    all.reserve(upstreams.size());
    for (UpstreamIndex i = 0; i < upstreams.size(); ++i) {
        const UpstreamEntry& entry = upstreams[i];
        UpstreamView& one = all.emplace_back();
        one.name = name(i);
        one.paused_until = entry.health.paused_until();
        one.reason = entry.health.reason();
        one.failures_in_row = entry.health.failures_in_row();
        one.in_flight = entry.in_flight;
        one.ready = scheduler.waiting_for(i);
        for (const SlidingWindow& window : entry.quota.windows()) {
            one.limits.push_back({window.limit(), window.used(now), window.next_free(now)});
        }
    }
    return all;
}

}  // namespace posthouse::queue
