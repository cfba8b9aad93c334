// Scheduler: which ready job goes next to which upstream. First fit in order.
//
// Ready jobs wait in lanes. A lane holds the jobs that may go to the same upstreams in the same order: those
// of one route whose size the same upstreams take. Its owner is the first of its upstreams that is open;
// nobody but the owner is given its jobs, so a message for a healthy upstream is never behind those of a
// paused one, and moving a hundred thousand messages to the next upstream is one assignment. When the first
// one opens again, the lane is its again.
//
// Within a lane: first in, first out. Between the lanes of an upstream: by priority, then the longer wait.
// Fairness between senders belongs into Lane alone: a lane may order its jobs by any rule that can name the
// next one.
//
// Pure; knows no time beyond Job::due. One owner.
#pragma once

#include "config/schema.h"
#include "daemon/queue/entry.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace posthouse::queue {

class Scheduler {
  public:
    // Every upstream is open at first.
    Scheduler(Slab<Job>& jobs, std::size_t upstreams);

    // Before the first job. `via` may be empty: such a lane has no owner.
    LaneIndex add_lane(std::vector<UpstreamIndex> via, config::Priority priority);
    [[nodiscard]] const std::vector<UpstreamIndex>& via(LaneIndex lane) const { return lanes_[lane].via; }

    // Job::lane names the lane. The front is for a job that was taken and did not leave.
    void push_back(JobIndex job);
    void push_front(JobIndex job);
    void remove(JobIndex job);

    // Appends to `gained` the upstreams that own more ready jobs than before.
    void set_open(UpstreamIndex upstream, bool open, std::vector<UpstreamIndex>& gained);

    [[nodiscard]] std::optional<UpstreamIndex> owner(LaneIndex lane) const;
    // Ready jobs of the lanes it owns. O(1).
    [[nodiscard]] std::size_t ready(UpstreamIndex upstream) const { return upstreams_[upstream].ready; }
    // Ready jobs that it would own if it were open. O(its lanes).
    [[nodiscard]] std::size_t waiting_for(UpstreamIndex upstream) const;
    // The next job of the lanes that it owns, or would own if it were open. O(its lanes).
    [[nodiscard]] std::optional<JobIndex> next(UpstreamIndex upstream) const;

  private:
    struct Lane {
        JobIndex first = kNone;
        JobIndex last = kNone;
        std::uint32_t jobs = 0;
        std::uint32_t open_place = 0;  // in `via`, of the owner; its size: none
        TimePoint since{};             // Job::due of the first, so that choosing touches no job
        config::Priority priority = config::Priority::Normal;
        std::vector<UpstreamIndex> via;
    };
    struct Access {
        LaneIndex lane = 0;
        std::uint32_t place = 0;  // of the upstream in the lane's `via`
    };
    struct Upstream {
        bool open = true;
        std::size_t ready = 0;
        std::vector<Access> lanes;  // by priority
    };

    void count(Lane& lane, std::ptrdiff_t change);
    void find_owner(Lane& lane) const;

    Slab<Job>& jobs_;
    std::vector<Lane> lanes_;
    std::vector<Upstream> upstreams_;
};

}  // namespace posthouse::queue
