#include "daemon/queue/limits.h"

#include <algorithm>
#include <limits>

namespace posthouse::queue {
namespace {

// Two windows' worth: recovery replays charges without knowing the present. Beyond that the oldest are joined
// to their successors, which can only make them count longer.
constexpr std::size_t kMaxBuckets = 2048;

Duration bucket_width(Duration window) {
    return std::max(Duration{1}, window / 1000);
}

Duration settle_slack(Duration window) {
    const Duration wanted = std::clamp<Duration>(window / 200, Duration{50}, std::chrono::seconds{5});
    return std::min(wanted, window / 20);
}

std::uint64_t units_of(const config::Limit& limit, std::uint32_t recipients) {
    return limit.unit == config::LimitUnit::Messages ? 1 : recipients;
}

}  // namespace

SlidingWindow::SlidingWindow(config::Limit limit)
    : limit_(limit), width_(bucket_width(limit.window)), slack_(settle_slack(limit.window)) {}

std::int64_t SlidingWindow::bucket_of(TimePoint at) const {
    const std::int64_t ms = to_unix_ms(at);
    const std::int64_t width = width_.count();
    return ms >= 0 ? ms / width : (ms - width + 1) / width;
}

TimePoint SlidingWindow::free_at(const Bucket& bucket) const {
    return from_unix_ms((bucket.number + 1) * width_.count()) + limit_.window;
}

std::uint64_t SlidingWindow::used(TimePoint now) const {
    std::uint64_t forgotten = 0;
    for (const Bucket& bucket : buckets_) {
        if (free_at(bucket) > now) break;
        forgotten += bucket.units;
    }
    return sum_ - forgotten;
}

std::uint64_t SlidingWindow::available(TimePoint now) const {
    const std::uint64_t taken = used(now);
    return taken >= limit_.count ? 0 : limit_.count - taken;
}

TimePoint SlidingWindow::next_free(TimePoint now) const {
    if (sum_ < limit_.count) return now;
    std::uint64_t must_go = sum_ - limit_.count + 1;
    for (const Bucket& bucket : buckets_) {
        if (bucket.units >= must_go) return std::max(now, free_at(bucket));
        must_go -= bucket.units;
    }
    return now;
}

void SlidingWindow::charge(TimePoint at, std::uint64_t units) {
    if (units == 0) return;
    const std::int64_t number = bucket_of(at);
    auto place = buckets_.end();
    while (place != buckets_.begin() && std::prev(place)->number > number)
        --place;
    if (place != buckets_.begin() && std::prev(place)->number == number) {
        std::prev(place)->units += units;
    } else {
        buckets_.insert(place, Bucket{number, units});
    }
    sum_ += units;
    if (buckets_.size() > kMaxBuckets) {
        buckets_[1].units += buckets_[0].units;
        buckets_.pop_front();
    }
}

void SlidingWindow::refund(TimePoint at, std::uint64_t units) {
    const auto place = std::ranges::lower_bound(buckets_, bucket_of(at), {}, &Bucket::number);
    if (place == buckets_.end() || place->number != bucket_of(at)) return;
    const std::uint64_t back = std::min(units, place->units);
    place->units -= back;
    sum_ -= back;
    if (place->units == 0) buckets_.erase(place);
}

void SlidingWindow::settle(TimePoint charged_at, TimePoint settled_at, std::uint64_t units) {
    const TimePoint counts_at = std::min(settled_at, charged_at + slack_);
    if (bucket_of(counts_at) <= bucket_of(charged_at)) return;
    refund(charged_at, units);
    charge(counts_at, units);
}

void SlidingWindow::age(TimePoint now) {
    while (!buckets_.empty() && free_at(buckets_.front()) <= now) {
        sum_ -= buckets_.front().units;
        buckets_.pop_front();
    }
    const std::int64_t present = bucket_of(now);
    std::uint64_t from_future = 0;
    while (!buckets_.empty() && buckets_.back().number > present) {
        from_future += buckets_.back().units;
        buckets_.pop_back();
    }
    sum_ -= from_future;
    charge(now, from_future);
}

spool::LimitUse SlidingWindow::state() const {
    spool::LimitUse use;
    use.window_ms = static_cast<std::uint64_t>(limit_.window.count());
    use.unit = static_cast<std::uint8_t>(limit_.unit);
    use.used.reserve(buckets_.size());
    for (const Bucket& bucket : buckets_) {
        use.used.emplace_back(from_unix_ms(bucket.number * width_.count()), bucket.units);
    }
    return use;
}

void SlidingWindow::restore(const spool::LimitUse& use) {
    const Duration window{static_cast<Duration::rep>(use.window_ms)};
    const Duration reach = window == limit_.window ? Duration{0} : bucket_width(window) - Duration{1};
    for (const auto& [start, units] : use.used)
        charge(start + reach, units);
}

Quota::Quota(const std::vector<config::Limit>& limits) {
    windows_.reserve(limits.size());
    for (const config::Limit& limit : limits)
        windows_.emplace_back(limit);
}

Quota::Left Quota::left(TimePoint now) const {
    constexpr std::uint64_t kEndless = std::numeric_limits<std::uint64_t>::max();
    Left left{kEndless, kEndless};
    for (const SlidingWindow& window : windows_) {
        std::uint64_t& of_unit =
            window.limit().unit == config::LimitUnit::Messages ? left.messages : left.recipients;
        of_unit = std::min(of_unit, window.available(now));
    }
    return left;
}

TimePoint Quota::next_free(TimePoint now) const {
    TimePoint free = now;
    for (const SlidingWindow& window : windows_)
        free = std::max(free, window.next_free(now));
    return free;
}

void Quota::charge(TimePoint at, std::uint32_t recipients) {
    for (SlidingWindow& window : windows_)
        window.charge(at, units_of(window.limit(), recipients));
}

void Quota::refund(TimePoint at, std::uint32_t recipients) {
    for (SlidingWindow& window : windows_)
        window.refund(at, units_of(window.limit(), recipients));
}

void Quota::settle(TimePoint charged_at, TimePoint settled_at, std::uint32_t recipients) {
    for (SlidingWindow& window : windows_) {
        window.settle(charged_at, settled_at, units_of(window.limit(), recipients));
    }
}

void Quota::recover(TimePoint charged_at, std::uint32_t recipients) {
    for (SlidingWindow& window : windows_) {
        window.charge(charged_at + window.slack(), units_of(window.limit(), recipients));
    }
}

void Quota::age(TimePoint now) {
    for (SlidingWindow& window : windows_)
        window.age(now);
}

std::vector<spool::LimitUse> Quota::state() const {
    std::vector<spool::LimitUse> uses;
    uses.reserve(windows_.size());
    for (const SlidingWindow& window : windows_)
        uses.push_back(window.state());
    return uses;
}

void Quota::restore(const std::vector<spool::LimitUse>& uses) {
    for (SlidingWindow& window : windows_) {
        const auto wanted = static_cast<std::uint64_t>(window.limit().window.count());
        const spool::LimitUse* best = nullptr;
        for (const spool::LimitUse& use : uses) {
            if (use.unit != static_cast<std::uint8_t>(window.limit().unit)) continue;
            const bool better =
                best == nullptr ||
                (best->window_ms < wanted ? use.window_ms > best->window_ms
                                          : use.window_ms >= wanted && use.window_ms < best->window_ms);
            if (better) best = &use;
        }
        const config::Limit limit = window.limit();
        window = SlidingWindow(limit);
        if (best != nullptr) window.restore(*best);
    }
}

}  // namespace posthouse::queue
