// Limits as the queue keeps them: never exceeded, no attempt wasted, the next upstream takes over.
#include "tests/queue/queue_world.h"

#include <gtest/gtest.h>

#include <random>

namespace posthouse::queue::test {
namespace {

using namespace std::chrono_literals;
using config::LimitUnit;
using protocol::Stage;

TEST(QueueQuota, NeverExceedsTwoLimitsOverRestarts) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937_64 random(seed);
        config::Settings settings = settings_with(1);
        settings.upstreams[0].limits = {limit(250, LimitUnit::Messages, 1h),
                                        limit(3, LimitUnit::Messages, 1s)};
        QueueWorld world(settings);
        world.observer.keep_events = false;
        constexpr std::size_t kMessages = 900;
        for (std::size_t i = 0; i < kMessages; ++i)
            world.submit();
        std::vector<Charge> acts;  // each at some instant between take and settle, as a provider may count
        std::size_t delivered = 0;
        while (delivered < kMessages) {
            ASSERT_LT(world.now, kStart + 5h) << "stuck";
            if (const auto assignment = world.try_take()) {
                world.now += Duration{static_cast<Duration::rep>(random() % 20)};
                acts.push_back({world.now, 1});
                world.now += Duration{static_cast<Duration::rep>(random() % 20)};
                if (random() % 100 == 0) {  // killed after the provider took it, before we wrote that down
                    world.restart();
                } else {
                    world.settle(*assignment, all_delivered());
                    ++delivered;
                }
            } else {
                const auto wake = world.queue->next_wake();
                ASSERT_TRUE(wake.has_value());
                world.now = std::max(world.now, *wake);
                world.queue->tick(world.now);
            }
            if (random() % 60 == 0) {
                if (random() % 2 == 0) world.queue->write_upstream_states(world.now);
                world.restart();
            }
        }
        EXPECT_LE(greatest_sum(acts, 1h), 250U);
        EXPECT_LE(greatest_sum(acts, 1s), 3U);
        // Four windows' worth of mail at the most that 250 an hour allow, within 5 %.
        const auto windows = static_cast<Duration::rep>((acts.size() - 1) / 250);
        EXPECT_LE(world.now - kStart, windows * 1h + windows * 18s + 5min);
    }
}

TEST(QueueQuota, ChargesBeforeTheActAndDurably) {
    config::Settings settings = settings_with(1);
    settings.upstreams[0].limits = {limit(10, LimitUnit::Recipients, 1h)};
    QueueWorld world(settings);
    world.submit({.recipients = {"a@b.example", "c@d.example"}});
    world.journal.automatic = false;
    bool recorded = false;
    const auto assignment = world.queue->take(0, world.now, [&](bool good) { recorded = good; });
    ASSERT_TRUE(assignment.has_value());
    EXPECT_FALSE(recorded);
    const auto attempts = world.journal.all<spool::Attempt>();
    ASSERT_EQ(attempts.size(), 1U);
    EXPECT_EQ(attempts[0].recipients, 2U);
    EXPECT_EQ(attempts[0].number, 1U);
    EXPECT_EQ(world.journal.entries().back().durability, spool::Durability::Synced);
    world.journal.deliver();
    EXPECT_TRUE(recorded);
    EXPECT_EQ(world.queue->upstreams(world.now)[0].limits[0].used, 2U);
    // A failure is counted by providers too.
    world.queue->settle(assignment->ticket, all_refused(Stage::Content, 451, 2), world.now);
    EXPECT_EQ(world.queue->upstreams(world.now)[0].limits[0].used, 2U);
}

TEST(QueueQuota, TakesTheChargeBackOnlyIfTheAttemptCertainlyDidNotBegin) {
    config::Settings settings = settings_with(1);
    settings.upstreams[0].limits = {limit(2, LimitUnit::Messages, 1h)};
    QueueWorld world(settings);
    world.submit();
    world.journal.failing = true;
    ASSERT_TRUE(world.try_take().has_value());
    world.journal.deliver();
    EXPECT_EQ(world.queue->upstreams(world.now)[0].limits[0].used, 0U);
    world.journal.failing = false;
    world.live_through(1s);
    const Assignment assignment = world.taken();
    world.queue->give_back(assignment.ticket, "the content could not be read", std::nullopt, world.now);
    EXPECT_EQ(world.queue->upstreams(world.now)[0].limits[0].used, 1U) << "perhaps after MAIL";
}

TEST(QueueQuota, WaitsWithoutCountingAnAttempt) {
    config::Settings settings = settings_with(1);
    settings.upstreams[0].limits = {limit(1, LimitUnit::Messages, 1h)};
    QueueWorld world(settings);
    world.submit();
    const auto second = world.submit();
    world.settle(world.taken(), all_delivered());
    EXPECT_FALSE(world.try_take().has_value());
    EXPECT_EQ(world.queue->connections_wanted(0, world.now), 0U);
    const View waiting = world.view(second);
    EXPECT_EQ(waiting.waiting, Waiting::Quota);
    EXPECT_EQ(waiting.attempts, 0U);
    const auto reached = world.observer.of(EventKind::QuotaReached);
    ASSERT_EQ(reached.size(), 1U);
    EXPECT_EQ(reached[0].until, waiting.due);
    world.observer.woken.clear();
    world.live_through(waiting.due - world.now - 1ms);
    EXPECT_FALSE(world.try_take().has_value());
    world.live_through(1ms);
    EXPECT_EQ(world.observer.woken[0], 1U);
    EXPECT_EQ(world.taken().attempt, 1U);
}

TEST(QueueQuota, TakesTheNextUpstreamBeforeTheFirstOneRefuses) {
    config::Settings settings = settings_with(2);
    settings.upstreams[0].limits = {limit(100, LimitUnit::Messages, 24h)};
    settings.upstreams[1].limits = {limit(100, LimitUnit::Messages, 24h)};
    QueueWorld world(settings);
    std::vector<std::uint64_t> ids;
    for (int i = 0; i < 300; ++i)
        ids.push_back(world.submit().value);
    std::vector<std::uint64_t> order;
    const auto drain_all = [&] {
        for (UpstreamIndex upstream = 0; upstream < 2; ++upstream) {
            while (const auto assignment = world.try_take(upstream)) {
                order.push_back(assignment->id.value);
                EXPECT_EQ(assignment->attempt, 1U);
                world.settle(*assignment, all_delivered());
            }
        }
    };
    drain_all();
    EXPECT_EQ(order.size(), 200U);
    world.live_through(24h - 1s);
    drain_all();
    EXPECT_EQ(order.size(), 200U);
    world.live_through(3min);
    EXPECT_FALSE(world.try_take(1).has_value()) << "mail returns to the first when its window frees";
    drain_all();
    EXPECT_EQ(order, ids);
}

TEST(QueueQuota, SplitsAMessageToWhatIsLeft) {
    config::Settings settings = settings_with(2);
    settings.upstreams[0].limits = {limit(5, LimitUnit::Recipients, 1h)};
    QueueWorld world(settings);
    world.submit({.recipients = {"a@x.example", "b@x.example", "c@x.example"}});
    world.submit({.recipients = {"d@x.example", "e@x.example", "f@x.example"}});
    EXPECT_EQ(world.taken(0).recipients.size(), 3U);
    EXPECT_EQ(world.taken(0).recipients, (std::vector<std::uint16_t>{0, 1}));
    EXPECT_FALSE(world.try_take(0).has_value());
    EXPECT_EQ(world.taken(1).recipients, std::vector<std::uint16_t>{2});
}

TEST(QueueQuota, KeepsTheUseInTheStateOfTheUpstream) {
    config::Settings settings = settings_with(1);
    settings.upstreams[0].limits = {limit(5, LimitUnit::Messages, 1h)};
    QueueWorld world(settings);
    for (int i = 0; i < 6; ++i)
        world.submit();
    for (int i = 0; i < 3; ++i)
        world.settle(world.taken(), all_delivered());
    world.pass(10min);
    world.queue->write_upstream_states(world.now);
    world.settle(world.taken(), all_delivered());
    const auto before = world.queue->upstreams(world.now)[0].limits[0];
    world.restart();
    const auto after = world.queue->upstreams(world.now)[0].limits[0];
    EXPECT_EQ(after.used, 4U);
    EXPECT_EQ(after.used, before.used);
    EXPECT_EQ(after.next_free, before.next_free);
    world.settle(world.taken(), all_delivered());
    EXPECT_FALSE(world.try_take().has_value());
}

}  // namespace
}  // namespace posthouse::queue::test
