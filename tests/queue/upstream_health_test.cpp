#include "daemon/queue/upstream_health.h"

#include "tests/queue/queue_world.h"

#include <gtest/gtest.h>

namespace posthouse::queue {
namespace {

using namespace std::chrono_literals;
using State = UpstreamHealth::State;
using test::kStart;

UpstreamHealth made() {
    return UpstreamHealth({30s, 1min, 5min});
}

TEST(UpstreamHealth, GoesThroughItsStepsAndRepeatsTheLast) {
    UpstreamHealth health = made();
    TimePoint now = kStart;
    const Duration expected[] = {30s, 1min, 5min, 5min, 5min};
    for (std::size_t i = 0; i < std::size(expected); ++i) {
        const auto pause = health.connection_failed("refused", now);
        ASSERT_TRUE(pause.has_value());
        EXPECT_EQ(pause->until - now, expected[i]);
        EXPECT_EQ(pause->first, i == 0);
        EXPECT_FALSE(health.wake(pause->until - 1ms));
        EXPECT_TRUE(health.wake(pause->until));
        EXPECT_FALSE(health.wake(pause->until)) << "exactly one probe";
        EXPECT_EQ(health.state(), State::Probing);
        now = pause->until;
    }
    EXPECT_TRUE(health.connection_ready());
    EXPECT_EQ(health.state(), State::Open);
    EXPECT_EQ(health.failures_in_row(), 0U);
    const auto again = health.connection_failed("refused", now);
    ASSERT_TRUE(again.has_value());
    EXPECT_TRUE(again->first);
    EXPECT_EQ(again->until - now, 30s);
}

TEST(UpstreamHealth, CountsFailuresDuringAPauseToTheSameOutage) {
    UpstreamHealth health = made();
    const auto pause = health.connection_failed("refused", kStart);
    EXPECT_FALSE(health.connection_failed("refused", kStart + 1s).has_value());
    EXPECT_EQ(health.paused_until(), pause->until);
    EXPECT_FALSE(health.connection_ready()) << "a connection from before the pause proves nothing";
    EXPECT_EQ(health.state(), State::Paused);
}

TEST(UpstreamHealth, TakesThreeBrokenTransactionsInARowForTrouble) {
    UpstreamHealth health = made();
    EXPECT_FALSE(health.transaction_broke_off("421", kStart).has_value());
    EXPECT_FALSE(health.transaction_broke_off("421", kStart).has_value());
    EXPECT_FALSE(health.transaction_decided());
    EXPECT_FALSE(health.transaction_broke_off("421", kStart).has_value());
    EXPECT_FALSE(health.transaction_broke_off("421", kStart).has_value());
    EXPECT_TRUE(health.transaction_broke_off("421", kStart).has_value());
}

TEST(UpstreamHealth, WantsATransactionDecidedAfterTroubleWithTransactions) {
    UpstreamHealth health = made();
    const auto first = health.account_refused("530", kStart);
    ASSERT_TRUE(first.has_value());
    EXPECT_TRUE(health.wake(first->until));
    EXPECT_FALSE(health.connection_ready());
    EXPECT_EQ(health.state(), State::Trial);
    const auto second = health.account_refused("530", first->until);
    ASSERT_TRUE(second.has_value());
    EXPECT_FALSE(second->first);
    EXPECT_EQ(second->until - first->until, 1min);
    // A connection that fails in between does not make a working connection proof enough.
    EXPECT_TRUE(health.wake(second->until));
    const auto third = health.connection_failed("refused", second->until);
    EXPECT_TRUE(health.wake(third->until));
    EXPECT_FALSE(health.connection_ready());
    EXPECT_EQ(health.state(), State::Trial);
    EXPECT_TRUE(health.transaction_decided());
    EXPECT_EQ(health.state(), State::Open);
}

TEST(UpstreamHealth, ComesBackFromTheSpoolWithAProbe) {
    UpstreamHealth health = made();
    (void)health.connection_failed("refused", kStart);
    (void)health.wake(kStart + 30s);
    (void)health.connection_failed("refused", kStart + 30s);
    spool::UpstreamState state;
    health.save(state);
    UpstreamHealth later = made();
    later.restore(state);
    EXPECT_EQ(later.paused_until(), kStart + 90s);
    EXPECT_EQ(later.reason(), "refused");
    EXPECT_TRUE(later.wake(kStart + 90s));
    const auto pause = later.connection_failed("refused", kStart + 90s);
    EXPECT_FALSE(pause->first) << "still the outage that was alerted before the restart";
    EXPECT_EQ(pause->until - (kStart + 90s), 5min);
}

TEST(UpstreamHealth, BoundsAPauseWhenTheClockWasSetBack) {
    UpstreamHealth health = made();
    (void)health.connection_failed("refused", kStart);
    health.bound_pause(kStart - 72h);
    EXPECT_EQ(health.paused_until(), kStart - 72h + 5min);
}

}  // namespace
}  // namespace posthouse::queue
