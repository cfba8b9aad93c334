#include "daemon/runtime/clock.h"

#include <ctime>

namespace posthouse::runtime {
namespace {

Duration read_clock(clockid_t id) {
    timespec ts{};
    ::clock_gettime(id, &ts);
    return std::chrono::duration_cast<Duration>(std::chrono::seconds{ts.tv_sec} +
                                                std::chrono::nanoseconds{ts.tv_nsec});
}

}  // namespace

std::chrono::steady_clock::time_point steady_now() {
    return std::chrono::steady_clock::now();
}

SystemClock::SystemClock()
    : wall_at_start_(TimePoint{read_clock(CLOCK_REALTIME)}), boot_at_start_(read_clock(CLOCK_BOOTTIME)) {}

TimePoint SystemClock::now() const {
    return wall_at_start_ + (read_clock(CLOCK_BOOTTIME) - boot_at_start_);
}

TimePoint SystemClock::wall() const {
    return TimePoint{read_clock(CLOCK_REALTIME)};
}

}  // namespace posthouse::runtime
