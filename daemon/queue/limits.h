// Limits: N messages or recipients in any window of length W, never one more.
//
// SlidingWindow is one limit. Charges are summed in buckets of W/1000 (at least 1 ms), aligned to absolute
// time; a charge counts until the END of its bucket plus W, thus always for more than W: whatever closed
// window of length W one looks at, it holds at most N. A unit comes back at most 0.1 % of W (or 1 ms) late.
// Memory is bounded by the number of buckets, not by N.
//
// Quota is all the limits of one upstream. What an attempt charges, it charges before the act. The provider
// counts somewhat later, at its own instant between MAIL and the final reply; so when the transaction is
// settled its charge moves to that time, by at most `slack` (0.5 % of W, at least 50 ms, never more than 5 s
// or 5 % of W): otherwise two acts whose charges are W apart could reach the provider less than W apart.
//
// A charge "in the future" exists only after a restart with the clock set back: it counts as if made now.
//
// Pure, one owner. `now` never goes back between calls (Queue sees to that).
#pragma once

#include "config/schema.h"
#include "daemon/spool/record.h"
#include "protocol/time.h"

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace posthouse::queue {

class SlidingWindow {
  public:
    explicit SlidingWindow(config::Limit limit);

    [[nodiscard]] const config::Limit& limit() const { return limit_; }
    [[nodiscard]] std::uint64_t used(TimePoint now) const;
    [[nodiscard]] std::uint64_t available(TimePoint now) const;
    // When at least one unit can be had; `now` if that is already so.
    [[nodiscard]] TimePoint next_free(TimePoint now) const;

    void charge(TimePoint at, std::uint64_t units);
    void refund(TimePoint at, std::uint64_t units);  // what was charged at `at`; nothing once it is forgotten
    void settle(TimePoint charged_at, TimePoint settled_at, std::uint64_t units);
    void age(TimePoint now);  // forgets what no longer counts
    [[nodiscard]] Duration slack() const { return slack_; }

    [[nodiscard]] spool::LimitUse state() const;
    // Takes over what a window of another length knew, as late as it can have been.
    void restore(const spool::LimitUse& use);

  private:
    struct Bucket {
        std::int64_t number = 0;  // covers [number * width, (number + 1) * width)
        std::uint64_t units = 0;
    };
    [[nodiscard]] std::int64_t bucket_of(TimePoint at) const;
    [[nodiscard]] TimePoint free_at(const Bucket& bucket) const;

    config::Limit limit_;
    Duration width_;
    Duration slack_;
    std::deque<Bucket> buckets_;  // ascending, none empty
    std::uint64_t sum_ = 0;       // of all buckets
};

class Quota {
  public:
    explicit Quota(const std::vector<config::Limit>& limits);

    struct Left {
        std::uint64_t messages = 0;
        std::uint64_t recipients = 0;
        [[nodiscard]] bool any() const { return messages > 0 && recipients > 0; }
    };
    [[nodiscard]] bool limited() const { return !windows_.empty(); }
    [[nodiscard]] Left left(TimePoint now) const;
    [[nodiscard]] TimePoint next_free(TimePoint now) const;  // when left() has something; `now` if it has

    // One message with this many recipients.
    void charge(TimePoint at, std::uint32_t recipients);
    void refund(TimePoint at, std::uint32_t recipients);
    void settle(TimePoint charged_at, TimePoint settled_at, std::uint32_t recipients);
    void age(TimePoint now);
    // A charge read back from the journal: how long its transaction took is not known any more, so as late as
    // can be.
    void recover(TimePoint charged_at, std::uint32_t recipients);

    [[nodiscard]] const std::vector<SlidingWindow>& windows() const { return windows_; }
    [[nodiscard]] std::vector<spool::LimitUse> state() const;
    // Replaces everything. A limit whose window was changed in the configuration takes over the next longer
    // window of its unit (else the longest): its buckets tell at least as much as is needed.
    void restore(const std::vector<spool::LimitUse>& uses);

  private:
    std::vector<SlidingWindow> windows_;
};

}  // namespace posthouse::queue
