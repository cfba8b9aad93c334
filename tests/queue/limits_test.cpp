#include "daemon/queue/limits.h"

#include "tests/queue/queue_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace posthouse::queue {
namespace {

using namespace std::chrono_literals;
using config::LimitUnit;
using test::kStart;

using test::Charge;
using test::greatest_sum;

TEST(SlidingWindow, GivesAUnitBackOneWindowAndOneBucketLater) {
    SlidingWindow window(test::limit(2, LimitUnit::Messages, 1h));
    window.charge(kStart, 1);
    window.charge(kStart + 10min, 1);
    EXPECT_EQ(window.available(kStart + 10min), 0U);
    const TimePoint free = window.next_free(kStart + 10min);
    EXPECT_GT(free, kStart + 1h);
    EXPECT_LE(free, kStart + 1h + 3600ms);
    EXPECT_EQ(window.available(free - 1ms), 0U);
    EXPECT_EQ(window.available(free), 1U);
    window.age(free);
    EXPECT_EQ(window.used(free), 1U);
}

TEST(SlidingWindow, TellsWhenAUnitFreesAlsoIfMoreIsUsedThanAllowed) {
    SlidingWindow window(test::limit(2, LimitUnit::Recipients, 1min));
    for (int i = 0; i < 5; ++i)
        window.charge(kStart + i * 1s, 1);
    // The configuration lowered the limit: four must go before one can be had.
    const TimePoint free = window.next_free(kStart + 5s);
    EXPECT_EQ(window.available(free - 1ms), 0U);
    EXPECT_EQ(window.available(free), 1U);
    EXPECT_GT(free, kStart + 1min + 3s);
}

TEST(SlidingWindow, CountsAChargeFromTheFutureAsIfMadeNow) {
    SlidingWindow window(test::limit(1, LimitUnit::Messages, 1h));
    window.charge(kStart + 400h, 1);
    window.age(kStart);
    EXPECT_EQ(window.available(kStart), 0U);
    EXPECT_LE(window.next_free(kStart), kStart + 1h + 3600ms);
    EXPECT_GT(window.next_free(kStart), kStart + 1h);
}

TEST(SlidingWindow, TakesARefundBackExactly) {
    SlidingWindow window(test::limit(10, LimitUnit::Recipients, 1s));
    window.charge(kStart, 4);
    window.charge(kStart + 5ms, 3);
    window.refund(kStart, 4);
    EXPECT_EQ(window.used(kStart + 5ms), 3U);
    window.refund(kStart + 100ms, 2);  // nothing was charged there
    EXPECT_EQ(window.used(kStart + 5ms), 3U);
}

TEST(SlidingWindow, CountsFromTheEndOfTheTransactionWithinTheSlack) {
    SlidingWindow window(test::limit(1, LimitUnit::Messages, 1s));
    window.charge(kStart, 1);
    window.settle(kStart, kStart + 20ms, 1);
    EXPECT_EQ(window.next_free(kStart + 20ms), kStart + 20ms + 1s + 1ms);
    window.settle(kStart + 20ms, kStart + 900ms, 1);  // slow: 50 ms at most
    EXPECT_EQ(window.next_free(kStart + 900ms), kStart + 70ms + 1s + 1ms);
}

TEST(SlidingWindow, KeepsItsMemoryBoundedWhateverIsReplayed) {
    SlidingWindow window(test::limit(1'000'000'000, LimitUnit::Messages, 1s));
    for (int i = 0; i < 100'000; ++i)
        window.charge(kStart + i * 10ms, 1);
    EXPECT_LE(window.state().used.size(), 2048U);
    const TimePoint last = kStart + 99'999 * 10ms;
    window.age(last);
    EXPECT_EQ(window.used(last), 101U);  // what the last second and its bucket hold, and nothing older
}

TEST(SlidingWindow, NeverExceedsAndHardlyUnderuses) {
    struct Case {
        const char* name;
        std::uint64_t count;
        Duration window;
        Duration greatest_step;
    };
    constexpr Case kCases[] = {
        {"three a second", 3, 1s, 400ms},
        {"one a second", 1, 1s, 50ms},
        {"250 an hour", 250, 1h, 20s},
        {"90 in 15 minutes", 90, 15min, 15s},
        {"500 a day", 500, 24h, 240s},
        {"14 a second in bursts", 14, 1s, 100ms},
        {"30 in 1234567 ms", 30, 1234567ms, 60s},
    };
    for (const Case& row : kCases) {
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            SCOPED_TRACE(std::string(row.name) + ", seed " + std::to_string(seed));
            std::mt19937_64 random(seed);
            const config::Limit limit = test::limit(row.count, LimitUnit::Recipients, row.window);
            SlidingWindow window(limit);
            std::vector<Charge> charges;
            TimePoint now = kStart;  // what the clock says; truly it is `set_back` later
            Duration set_back{};
            for (int step = 0; step < 4000; ++step) {
                switch (random() % 8) {
                    case 0: {  // the present jumps to when the window says so
                        now = window.next_free(now);
                        break;
                    }
                    case 1: {  // restart; the clock may have been set back meanwhile
                        const spool::LimitUse state = window.state();
                        window = SlidingWindow(limit);
                        window.restore(state);
                        const auto back = Duration{static_cast<Duration::rep>(
                            random() % 3 * (random() % static_cast<std::uint64_t>(row.window.count())))};
                        now -= back;
                        set_back += back;
                        window.age(now);
                        break;
                    }
                    default:
                        now += Duration{static_cast<Duration::rep>(
                            random() % static_cast<std::uint64_t>(row.greatest_step.count() + 1))};
                }
                window.age(now);
                const std::uint64_t available = window.available(now);
                if (available == 0) continue;
                const std::uint64_t units = 1 + random() % available;
                window.charge(now, units);
                charges.push_back({now + set_back, units});
            }
            EXPECT_LE(greatest_sum(charges, row.window), row.count);
            // And it is no miser: a unit never comes back later than 0.5 % of the window.
            window.age(now);
            while (window.available(now) > 0)
                window.charge(now, 1);
            SlidingWindow full(limit);
            full.charge(now, row.count);
            EXPECT_LE(full.next_free(now) - now, row.window + std::max(row.window / 200, Duration{1}));
        }
    }
}

TEST(Quota, LeavesTheLeastOfItsLimits) {
    Quota quota({test::limit(3, LimitUnit::Messages, 1s), test::limit(100, LimitUnit::Messages, 1h),
                 test::limit(10, LimitUnit::Recipients, 1h)});
    quota.charge(kStart, 8);
    EXPECT_EQ(quota.left(kStart).messages, 2U);
    EXPECT_EQ(quota.left(kStart).recipients, 2U);
    quota.charge(kStart, 2);
    EXPECT_FALSE(quota.left(kStart).any());
    EXPECT_GT(quota.next_free(kStart), kStart + 1h);
}

TEST(Quota, TakesOverAChangedWindowWithoutForgetting) {
    Quota old({test::limit(100, LimitUnit::Messages, 1h), test::limit(1000, LimitUnit::Messages, 24h)});
    for (int i = 0; i < 50; ++i)
        old.charge(kStart + i * 1min, 1);
    const TimePoint now = kStart + 50min;
    Quota changed({test::limit(60, LimitUnit::Messages, 12h), test::limit(5, LimitUnit::Recipients, 1h)});
    changed.restore(old.state());
    EXPECT_EQ(changed.left(now).messages, 10U);
    EXPECT_EQ(changed.left(now).recipients, 5U);
}

}  // namespace
}  // namespace posthouse::queue
