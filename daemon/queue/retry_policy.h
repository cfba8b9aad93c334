// RetryPolicy: when a deferred recipient is tried again.
//
// The n-th wait is schedule[n - 1], the last one repeats; each is drawn from [1 - jitter, 1 + jitter] times
// that, so that messages deferred together do not return together. The random numbers come from a seed
// (SplitMix64): the same calls give the same times. Pure; one owner. RFC 5321 4.5.4.1.
#pragma once

#include "config/schema.h"
#include "protocol/time.h"

#include <cstdint>

namespace posthouse::queue {

class RetryPolicy {
  public:
    RetryPolicy(const config::Retry& settings, std::uint64_t seed);

    // `attempts` were made, the one that ended now included; at least 1.
    [[nodiscard]] TimePoint next(TimePoint now, std::uint32_t attempts);
    // No wait is longer than this.
    [[nodiscard]] Duration longest() const;

  private:
    [[nodiscard]] double uniform();  // [0, 1)

    config::Retry settings_;
    std::uint64_t state_;
};

}  // namespace posthouse::queue
