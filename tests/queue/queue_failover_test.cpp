// Upstreams that pause, the next one that takes over, and the way back.
#include "tests/queue/queue_world.h"

#include <gtest/gtest.h>

namespace posthouse::queue::test {
namespace {

using namespace std::chrono_literals;
using protocol::Stage;

TEST(QueueFailover, GoesToTheNextUpstreamAndReturns) {
    QueueWorld world(settings_with(3));
    for (int i = 0; i < 4; ++i)
        world.submit();
    EXPECT_FALSE(world.try_take(1).has_value()) << "busy or idle, the first one has it";
    world.fail_connection(0);
    EXPECT_EQ(world.observer.woken[1], 4U);
    EXPECT_FALSE(world.try_take(0).has_value());
    EXPECT_FALSE(world.try_take(2).has_value());
    world.settle(world.taken(1), all_delivered());
    world.fail_connection(1);
    world.settle(world.taken(2), all_delivered());
    world.pass(30s);
    EXPECT_FALSE(world.try_take(0).has_value()) << "a probe first";
    EXPECT_EQ(world.queue->connections_wanted(0, world.now), 1U);
    world.queue->connection_ready(0, world.now);
    EXPECT_FALSE(world.try_take(2).has_value());
    EXPECT_EQ(world.drain(0), 2U);
}

TEST(QueueFailover, CountsNoAttemptAndAlertsOncePerOutage) {
    QueueWorld world(settings_with(1));
    const auto id = world.submit();
    Duration expected[] = {30s, 1min, 5min, 5min};
    for (const Duration pause : expected) {
        world.fail_connection(0, true);
        EXPECT_EQ(world.queue->connections_wanted(0, world.now), 0U);
        EXPECT_EQ(world.view(id).waiting, Waiting::Paused);
        EXPECT_EQ(world.view(id).due, world.now + pause);
        world.observer.woken.clear();
        world.live_through(pause - 1ms);
        EXPECT_TRUE(world.observer.woken.empty());
        world.live_through(1ms);
        EXPECT_EQ(world.observer.woken.count(0), 1U) << "called for the probe";
        EXPECT_EQ(world.queue->connections_wanted(0, world.now), 1U);
    }
    EXPECT_EQ(world.observer.alerts(), 1U);
    EXPECT_EQ(world.observer.of(EventKind::UpstreamPaused).size(), 4U);
    EXPECT_EQ(world.observer.of(EventKind::UpstreamPaused)[0].text, "the login was refused");
    EXPECT_EQ(world.observer.of(EventKind::UpstreamProbe).size(), 4U);
    world.queue->connection_ready(0, world.now);
    EXPECT_EQ(world.observer.of(EventKind::UpstreamResumed).size(), 1U);
    EXPECT_EQ(world.taken().attempt, 1U);
    EXPECT_EQ(world.view(id).attempts, 1U);
    world.fail_connection(0, true);
    EXPECT_EQ(world.observer.alerts(), 2U) << "a new outage";
}

TEST(QueueFailover, ProbesAlsoWithoutMail) {
    QueueWorld world(settings_with(2));
    world.fail_connection(0);
    world.live_through(30s);
    EXPECT_EQ(world.observer.woken[0], 1U);
    world.queue->connection_ready(0, world.now);
    EXPECT_EQ(world.queue->connections_wanted(0, world.now), 0U);
    world.submit();
    EXPECT_EQ(world.drain(0), 1U);
}

TEST(QueueFailover, RemembersThePauseOverARestart) {
    QueueWorld world(settings_with(1));
    world.submit();
    world.fail_connection(0);
    world.pass(30s);
    world.fail_connection(0);  // until + 1 min
    world.observer.events.clear();
    world.pass(20s);
    world.restart();
    EXPECT_FALSE(world.try_take().has_value());
    EXPECT_EQ(world.queue->upstreams(world.now)[0].paused_until, kStart + 90s);
    EXPECT_EQ(world.queue->upstreams(world.now)[0].failures_in_row, 2U);
    world.live_through(40s);
    world.fail_connection(0);
    EXPECT_EQ(world.queue->upstreams(world.now)[0].paused_until, world.now + 5min);
    EXPECT_EQ(world.observer.alerts(), 0U) << "it was alerted before the restart";
}

TEST(QueueFailover, ForgetsUpstreamsThatAreNotConfigured) {
    QueueWorld world(settings_with(2));
    world.fail_connection(1);
    world.restart_with(settings_with(1));
    const auto unknown = world.observer.of(EventKind::UpstreamUnknown);
    ASSERT_EQ(unknown.size(), 1U);
    EXPECT_EQ(unknown[0].upstream, "u1");
}

TEST(QueueFailover, WantsAsManyConnectionsAsThereIsWork) {
    config::Settings settings = settings_with(1);
    settings.upstreams[0].connections = 3;
    QueueWorld world(settings);
    EXPECT_EQ(world.queue->connections_wanted(0, world.now), 0U);
    world.submit();
    EXPECT_EQ(world.queue->connections_wanted(0, world.now), 1U);
    const Assignment busy = world.taken();
    EXPECT_EQ(world.queue->connections_wanted(0, world.now), 1U);
    for (int i = 0; i < 10; ++i)
        world.submit();
    EXPECT_EQ(world.queue->connections_wanted(0, world.now), 3U);
    EXPECT_LE(world.observer.calls, 3U) << "beyond the busy ones nobody is called";
    world.settle(busy, all_delivered());
}

TEST(QueueFailover, KeepsAPoisonedMessageFromPausingTheUpstream) {
    QueueWorld world(settings_with(1));
    // Content that breaks every connection that carries it, between mail that is well.
    world.submit();
    for (int i = 0; i < 20; ++i) {
        world.settle(world.taken(), all_untried(Stage::Content, 0));
        world.submit();
        world.settle(world.taken(), all_delivered());
        world.live_through(5min);
    }
    EXPECT_EQ(world.observer.alerts(), 0U);
}

}  // namespace
}  // namespace posthouse::queue::test
