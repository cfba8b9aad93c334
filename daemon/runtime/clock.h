// Clock: where instants come from. The only place in the tree that asks the system for the time.
//
// now() is the schedule's time: the wall clock at start, advanced by CLOCK_BOOTTIME. It never jumps while the
// process lives, so that setting the machine's clock forward expires no mail and frees no quota (it counts
// suspend). wall() is what the machine believes right now: for Date fields and log lines only.
#pragma once

#include "protocol/time.h"

#include <chrono>

namespace posthouse::runtime {

// For measuring waits inside one process.
[[nodiscard]] std::chrono::steady_clock::time_point steady_now();

class Clock {
  public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual TimePoint now() const = 0;
    [[nodiscard]] virtual TimePoint wall() const = 0;
};

class SystemClock final : public Clock {
  public:
    SystemClock();
    [[nodiscard]] TimePoint now() const override;
    [[nodiscard]] TimePoint wall() const override;

  private:
    TimePoint wall_at_start_;
    Duration boot_at_start_;
};

}  // namespace posthouse::runtime
