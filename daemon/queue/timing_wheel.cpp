#include "daemon/queue/timing_wheel.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace posthouse::queue {
namespace {

std::uint64_t to_tick(TimePoint time) {
    constexpr std::int64_t kEnd = (std::int64_t{1} << 48U) - 1;
    return static_cast<std::uint64_t>(std::clamp<std::int64_t>(to_unix_ms(time), 0, kEnd));
}

}  // namespace

TimingWheel::TimingWheel(Slab<Job>& jobs, std::function<TimePoint(JobIndex)> when)
    : jobs_(jobs), when_(std::move(when)) {}

void TimingWheel::start(TimePoint now) {
    present_ = to_tick(now);
}

void TimingWheel::insert(JobIndex job) {
    const std::uint64_t when = std::max(to_tick(when_(job)), present_);
    const std::uint64_t differs = when ^ present_;
    const unsigned level =
        differs == 0 ? 0 : (63U - static_cast<unsigned>(std::countl_zero(differs))) / kDigitBits;
    const unsigned digit = static_cast<unsigned>(when >> (level * kDigitBits)) & (kSlots - 1);
    const std::uint32_t number = level * kSlots + digit;

    Slot& slot = slots_[number];
    jobs_[job].wheel_prev = slot.last == kNone ? kSlotLink | number : slot.last;
    jobs_[job].wheel_next = kSlotLink | number;
    (slot.last == kNone ? slot.first : jobs_[slot.last].wheel_next) = job;
    slot.last = job;
    occupied_[level] |= std::uint64_t{1} << digit;
    ++size_;
}

void TimingWheel::remove(JobIndex job) {
    if (jobs_[job].wheel_prev != kNone) unlink(job);
}

void TimingWheel::unlink(JobIndex job) {
    const std::uint32_t prev = std::exchange(jobs_[job].wheel_prev, kNone);
    const std::uint32_t next = std::exchange(jobs_[job].wheel_next, kNone);
    const bool first = (prev & kSlotLink) != 0;
    const bool last = (next & kSlotLink) != 0;
    if (first && last) {
        Slot& slot = slot_of(next);
        slot = Slot{};
        const std::uint32_t number = next & ~kSlotLink;
        occupied_[number / kSlots] &= ~(std::uint64_t{1} << (number % kSlots));
    } else if (first) {
        slot_of(prev).first = next;
        jobs_[next].wheel_prev = prev;
    } else if (last) {
        slot_of(next).last = prev;
        jobs_[prev].wheel_next = next;
    } else {
        jobs_[prev].wheel_next = next;
        jobs_[next].wheel_prev = prev;
    }
    --size_;
}

std::optional<TimingWheel::Place> TimingWheel::earliest() const {
    // Every job of a finer wheel shares all coarser digits with the present, so it comes before every job of
    // a coarser one; within a wheel no slot lies behind the present's own.
    for (unsigned level = 0; level < kLevels; ++level) {
        if (occupied_[level] == 0) continue;
        const auto digit = static_cast<unsigned>(std::countr_zero(occupied_[level]));
        const unsigned shift = level * kDigitBits;
        const std::uint64_t above = present_ >> (shift + kDigitBits) << (shift + kDigitBits);
        return Place{level, digit, above | std::uint64_t{digit} << shift};
    }
    return std::nullopt;
}

JobIndex TimingWheel::pop(TimePoint now) {
    const std::uint64_t until = to_tick(now);
    while (const std::optional<Place> place = earliest()) {
        if (place->start > until) break;
        present_ = std::max(present_, place->start);
        Slot& slot = slots_[place->level * kSlots + place->slot];
        if (place->level == 0) {
            const JobIndex job = slot.first;
            unlink(job);
            return job;
        }
        while (slot.first != kNone) {
            const JobIndex job = slot.first;
            unlink(job);
            insert(job);
        }
    }
    present_ = std::max(present_, until);
    return kNone;
}

std::optional<TimePoint> TimingWheel::next() const {
    const std::optional<Place> place = earliest();
    if (!place) return std::nullopt;
    return from_unix_ms(static_cast<std::int64_t>(place->start));
}

}  // namespace posthouse::queue
