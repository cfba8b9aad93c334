#include "daemon/queue/retry_policy.h"

#include <algorithm>
#include <cmath>

namespace posthouse::queue {

RetryPolicy::RetryPolicy(const config::Retry& settings, std::uint64_t seed)
    : settings_(settings), state_(seed) {}

double RetryPolicy::uniform() {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t x = state_;
    x = (x ^ x >> 30U) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ x >> 27U) * 0x94D049BB133111EBULL;
    x ^= x >> 31U;
    return static_cast<double>(x >> 11U) * 0x1p-53;
}

TimePoint RetryPolicy::next(TimePoint now, std::uint32_t attempts) {
    const std::size_t step = std::min<std::size_t>(std::max(attempts, 1U) - 1, settings_.schedule.size() - 1);
    const double factor = 1.0 + settings_.jitter * (2.0 * uniform() - 1.0);
    const double wait = static_cast<double>(settings_.schedule[step].count()) * factor;
    return now + Duration{static_cast<Duration::rep>(std::llround(wait))};
}

Duration RetryPolicy::longest() const {
    const Duration scheduled = *std::ranges::max_element(settings_.schedule);
    const double wait = static_cast<double>(scheduled.count()) * (1.0 + settings_.jitter);
    return Duration{static_cast<Duration::rep>(std::ceil(wait))};
}

}  // namespace posthouse::queue
