// The one representation of an instant: wall-clock milliseconds since 1970-01-01 UTC, as stored on disk.
//
// Pure code takes `now` as an argument and never asks a clock; daemon/runtime/clock.h is where instants come
// from. Durations are std::chrono types, never bare integers.
#pragma once

#include <chrono>
#include <cstdint>

namespace posthouse {

using Duration = std::chrono::milliseconds;
using TimePoint = std::chrono::sys_time<Duration>;

[[nodiscard]] constexpr std::int64_t to_unix_ms(TimePoint t) {
    return t.time_since_epoch().count();
}
[[nodiscard]] constexpr TimePoint from_unix_ms(std::int64_t ms) {
    return TimePoint{Duration{ms}};
}

}  // namespace posthouse
