// TimingWheel: jobs ordered by the instant at which something must happen to them (due, or expired).
//
// A hierarchy of wheels of 64 slots; the finest counts milliseconds, each next one is 64 times coarser. A job
// lies in the wheel of the highest 6-bit digit in which its time differs from the present, and comes down a
// wheel when the present reaches its slot. Inserting and removing are O(1), without allocation: the links are
// in the jobs. A heap was rejected: its log2(1,000,000) cache misses per operation are paid by every message
// on the fast path, whose expiry is inserted and removed again.
//
// Jobs of one millisecond come out in the order they went in. Time never goes back. One owner.
#pragma once

#include "daemon/queue/entry.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

namespace posthouse::queue {

class TimingWheel {
  public:
    // `when` tells the time of a job; it must not change while the job is in the wheel.
    TimingWheel(Slab<Job>& jobs, std::function<TimePoint(JobIndex)> when);

    // Sets the present; only while the wheel is empty. (Jobs would be sorted in by the distance to 1970
    // else.)
    void start(TimePoint now);
    void insert(JobIndex job);
    void remove(JobIndex job);  // nothing if it is not here
    // The next job whose time is not after `now`, removed; kNone when there is none (left).
    [[nodiscard]] JobIndex pop(TimePoint now);
    // Not after the earliest time of any job: exact within the next 64 ms, early beyond. Nothing: empty.
    [[nodiscard]] std::optional<TimePoint> next() const;
    [[nodiscard]] bool empty() const { return size_ == 0; }

  private:
    static constexpr unsigned kDigitBits = 6;
    static constexpr unsigned kSlots = 1U << kDigitBits;
    static constexpr unsigned kLevels = 8;                   // 2^48 ms: to the year 10889
    static constexpr std::uint32_t kSlotLink = 0x80000000U;  // a link to a slot's end instead of to a job

    struct Slot {
        std::uint32_t first = kNone;
        std::uint32_t last = kNone;
    };
    struct Place {
        unsigned level = 0;
        unsigned slot = 0;
        std::uint64_t start = 0;  // the earliest time a job of that slot can have
    };

    void unlink(JobIndex job);
    [[nodiscard]] std::optional<Place> earliest() const;
    [[nodiscard]] Slot& slot_of(std::uint32_t link) { return slots_[link & ~kSlotLink]; }

    Slab<Job>& jobs_;
    std::function<TimePoint(JobIndex)> when_;
    std::array<Slot, std::size_t{kSlots} * kLevels> slots_{};
    std::array<std::uint64_t, kLevels> occupied_{};
    std::uint64_t present_ = 0;
    std::uint32_t size_ = 0;
};

}  // namespace posthouse::queue
