#include "daemon/queue/scheduler.h"

#include <algorithm>
#include <utility>

namespace posthouse::queue {

Scheduler::Scheduler(Slab<Job>& jobs, std::size_t upstreams) : jobs_(jobs), upstreams_(upstreams) {}

LaneIndex Scheduler::add_lane(std::vector<UpstreamIndex> via, config::Priority priority) {
    const auto index = static_cast<LaneIndex>(lanes_.size());
    Lane& lane = lanes_.emplace_back();
    lane.priority = priority;
    lane.via = std::move(via);
    for (std::uint32_t place = 0; place < lane.via.size(); ++place) {
        std::vector<Access>& known = upstreams_[lane.via[place]].lanes;
        const auto later = std::ranges::find_if(
            known, [&](const Access& access) { return lanes_[access.lane].priority > priority; });
        known.insert(later, Access{index, place});
    }
    find_owner(lane);
    return index;
}

void Scheduler::count(Lane& lane, std::ptrdiff_t change) {
    lane.jobs = static_cast<std::uint32_t>(lane.jobs + change);
    if (lane.open_place == lane.via.size()) return;
    std::size_t& ready = upstreams_[lane.via[lane.open_place]].ready;
    ready = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(ready) + change);
}

void Scheduler::push_back(JobIndex job) {
    Job& entry = jobs_[job];
    Lane& lane = lanes_[entry.lane];
    entry.lane_prev = lane.last;
    entry.lane_next = kNone;
    if (lane.last == kNone) {
        lane.first = job;
        lane.since = entry.due;
    } else {
        jobs_[lane.last].lane_next = job;
    }
    lane.last = job;
    count(lane, 1);
}

void Scheduler::push_front(JobIndex job) {
    Job& entry = jobs_[job];
    Lane& lane = lanes_[entry.lane];
    entry.lane_prev = kNone;
    entry.lane_next = lane.first;
    (lane.first == kNone ? lane.last : jobs_[lane.first].lane_prev) = job;
    lane.first = job;
    lane.since = entry.due;
    count(lane, 1);
}

void Scheduler::remove(JobIndex job) {
    Job& entry = jobs_[job];
    Lane& lane = lanes_[entry.lane];
    if (entry.lane_prev == kNone) {
        lane.first = entry.lane_next;
        if (lane.first != kNone) lane.since = jobs_[lane.first].due;
    } else {
        jobs_[entry.lane_prev].lane_next = entry.lane_next;
    }
    (entry.lane_next == kNone ? lane.last : jobs_[entry.lane_next].lane_prev) = entry.lane_prev;
    entry.lane_prev = kNone;
    entry.lane_next = kNone;
    count(lane, -1);
}

void Scheduler::find_owner(Lane& lane) const {
    lane.open_place = 0;
    while (lane.open_place < lane.via.size() && !upstreams_[lane.via[lane.open_place]].open)
        ++lane.open_place;
}

void Scheduler::set_open(UpstreamIndex upstream, bool open, std::vector<UpstreamIndex>& gained) {
    if (upstreams_[upstream].open == open) return;
    upstreams_[upstream].open = open;
    for (const Access& access : upstreams_[upstream].lanes) {
        Lane& lane = lanes_[access.lane];
        if (access.place > lane.open_place) continue;  // an earlier one has it, as before
        if (lane.open_place < lane.via.size()) upstreams_[lane.via[lane.open_place]].ready -= lane.jobs;
        find_owner(lane);
        if (lane.open_place == lane.via.size()) continue;
        const UpstreamIndex now_owner = lane.via[lane.open_place];
        upstreams_[now_owner].ready += lane.jobs;
        if (lane.jobs > 0 && std::ranges::find(gained, now_owner) == gained.end())
            gained.push_back(now_owner);
    }
}

std::optional<UpstreamIndex> Scheduler::owner(LaneIndex lane) const {
    const Lane& entry = lanes_[lane];
    if (entry.open_place == entry.via.size()) return std::nullopt;
    return entry.via[entry.open_place];
}

std::size_t Scheduler::waiting_for(UpstreamIndex upstream) const {
    std::size_t jobs = 0;
    for (const Access& access : upstreams_[upstream].lanes) {
        if (access.place <= lanes_[access.lane].open_place) jobs += lanes_[access.lane].jobs;
    }
    return jobs;
}

std::optional<JobIndex> Scheduler::next(UpstreamIndex upstream) const {
    const Lane* best = nullptr;
    for (const Access& access : upstreams_[upstream].lanes) {
        const Lane& lane = lanes_[access.lane];
        if (best != nullptr && lane.priority > best->priority) break;
        if (lane.jobs == 0 || access.place > lane.open_place) continue;
        if (best == nullptr || lane.since < best->since) best = &lane;
    }
    if (best == nullptr) return std::nullopt;
    return best->first;
}

}  // namespace posthouse::queue
