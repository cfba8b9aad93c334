// What a restart rebuilds from the journal, and what the cleaner is given to carry.
#include "tests/queue/queue_world.h"

#include <gtest/gtest.h>

#include <random>

namespace posthouse::queue::test {
namespace {

using namespace std::chrono_literals;
using protocol::Stage;
using spool::RecipientState;

TEST(QueueRecovery, RebuildsWhatWasThere) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937_64 random(seed);
        config::Settings settings = settings_with(2);
        settings.upstreams[0].limits = {limit(40, config::LimitUnit::Messages, 1h)};
        QueueWorld world(settings);
        world.journal.automatic = seed % 2 == 0;
        for (int step = 0; step < 200; ++step) {
            switch (random() % 5) {
                case 0:
                    world.submit({.recipients = {"a@b.example", "c@d.example"}});
                    break;
                case 1:
                    world.pass(Duration{static_cast<Duration::rep>(random() % 200'000)});
                    break;
                default: {
                    const auto upstream = static_cast<UpstreamIndex>(random() % 2);
                    const auto assignment = world.try_take(upstream);
                    world.journal.deliver();
                    if (!assignment) break;
                    protocol::TransactionResult result = all_delivered(assignment->recipients.size());
                    for (auto& recipient : result.recipients) {
                        const std::uint16_t codes[] = {250, 451, 451, 550};
                        const std::uint16_t code = codes[random() % 4];
                        if (code != 250) recipient = all_refused(Stage::Rcpt, code).recipients[0];
                    }
                    world.settle(*assignment, result);
                    world.journal.deliver();
                }
            }
        }
        const auto before = world.queue->list({}, 10'000, world.now);
        const auto upstreams = world.queue->upstreams(world.now);
        const std::size_t bounces = world.observer.bounces.size();
        world.observer.bounces.clear();
        world.restart();
        const auto after = world.queue->list({}, 10'000, world.now);
        ASSERT_EQ(after.size(), before.size());
        std::size_t bouncing = 0;
        for (std::size_t i = 0; i < after.size(); ++i) {
            EXPECT_EQ(after[i].id, before[i].id);
            EXPECT_EQ(after[i].location, before[i].location);
            EXPECT_EQ(after[i].newest, before[i].newest);
            EXPECT_EQ(after[i].due, before[i].due);
            EXPECT_EQ(after[i].expires_at, before[i].expires_at);
            EXPECT_EQ(after[i].attempts, before[i].attempts);
            EXPECT_EQ(after[i].recipients_pending, before[i].recipients_pending);
            EXPECT_EQ(after[i].waiting, before[i].waiting);
            bouncing += after[i].waiting == Waiting::Bouncing ? 1 : 0;
        }
        EXPECT_EQ(world.observer.bounces.size(), bouncing);
        EXPECT_EQ(bounces, bouncing) << "no bounce was stored in this test";
        const auto upstreams_after = world.queue->upstreams(world.now);
        // Never less, and at most by the slack of an hour's window later.
        EXPECT_GE(upstreams_after[0].limits[0].used, upstreams[0].limits[0].used);
        EXPECT_GE(upstreams_after[0].limits[0].next_free, upstreams[0].limits[0].next_free);
        EXPECT_LE(upstreams_after[0].limits[0].next_free, upstreams[0].limits[0].next_free + 10s);
    }
}

// Reading the spool takes time: the quota may be spent when the messages come back and free at the first
// tick.
TEST(QueueRecovery, WakesForAQuotaThatBecameFreeWhileItLasted) {
    config::Settings settings = settings_with(1);
    settings.upstreams[0].limits = {limit(1, config::LimitUnit::Messages, 2s)};
    QueueWorld world(settings);
    (void)world.submit();
    (void)world.submit();
    EXPECT_EQ(world.drain(), 1U);
    world.queue = std::make_unique<Queue>(world.settings, world.journal, world.observer, 1);
    world.journal.recover_into(*world.queue, world.now);
    world.observer.woken.clear();
    world.pass(3s);
    EXPECT_EQ(world.observer.woken[0], 1U);
    EXPECT_EQ(world.drain(), 1U);
}

TEST(QueueRecovery, RecordsTheFirstAttemptAfterIt) {
    QueueWorld world(settings_with(1));
    const auto id = world.submit();
    (void)world.taken();  // and then the crash
    world.restart();
    EXPECT_EQ(world.journal.all<spool::Attempt>().size(), 0U);
    EXPECT_EQ(world.taken().id, id);
    ASSERT_EQ(world.journal.all<spool::Attempt>().size(), 1U);
    EXPECT_EQ(world.journal.all<spool::Attempt>()[0].next_due, world.now + 1min);
    // Crashing at this message again and again does not hammer the upstream.
    world.restart();
    EXPECT_FALSE(world.try_take().has_value());
    EXPECT_EQ(world.view(id).due, world.now + 1min);
}

TEST(QueueRecovery, DoesNotWaitLongerThanTheScheduleWhenTheClockWasSetBack) {
    QueueWorld world(settings_with(1));
    const auto id = world.submit();
    world.settle(world.taken(), all_refused(Stage::Rcpt, 451));
    world.now -= std::chrono::days{3};
    world.restart();
    EXPECT_EQ(world.view(id).due, world.now + 5min);
}

TEST(QueueRecovery, WakesForWhatItFindsInTheFirstTick) {
    config::Settings settings = settings_with(1);
    settings.upstreams[0].connections = 2;
    QueueWorld world(settings);
    for (int i = 0; i < 100; ++i)
        world.submit();
    world.restart();
    EXPECT_EQ(world.observer.woken[0], 100U);
    EXPECT_EQ(world.drain(), 100U);
}

TEST(QueueRecovery, UsesNeitherJournalNorBouncesBeforeTheFirstTick) {
    config::Settings settings = settings_with(1);
    QueueWorld world(settings);
    world.submit();
    world.settle(world.taken(), all_refused(Stage::Rcpt, 550));  // waits for its bounce
    world.submit({.size = 5000});                                // will be too large
    world.observer.bounces.clear();
    world.observer.woken.clear();
    settings.upstreams[0].max_message_size = 4000;
    auto changed = std::make_shared<const config::Settings>(settings);
    const std::size_t records = world.journal.entries().size();
    Queue later(changed, world.journal, world.observer, 2);
    EXPECT_EQ(world.journal.recover_into(later, world.now), 2U);
    EXPECT_EQ(world.journal.entries().size(), records);
    EXPECT_TRUE(world.observer.bounces.empty());
    EXPECT_TRUE(world.observer.woken.empty());
    EXPECT_EQ(later.next_wake(), world.now);
    later.tick(world.now);
    EXPECT_EQ(world.observer.bounces.size(), 2U);
    EXPECT_FALSE(later.next_wake() == world.now);
}

TEST(QueueRecovery, CarriesALiveMessageAsItStands) {
    QueueWorld world(settings_with(1));
    const auto id = world.submit({.recipients = {"a@b.example", "c@d.example", "e@f.example"}});
    spool::Stored content;
    content.accepted = world.journal.all<spool::Accepted>().back();
    protocol::TransactionResult result = all_delivered(3);
    result.recipients[1] = all_refused(Stage::Rcpt, 451).recipients[0];
    result.recipients[2] = all_refused(Stage::Rcpt, 553).recipients[0];
    world.settle(world.taken(), result);
    const View before = world.view(id);
    world.queue->carry(id, spool::Location{9, 9}, content);
    EXPECT_TRUE(world.journal.all<spool::Carried>().empty()) << "that is not where it lies";
    world.queue->carry(id, before.location, content);
    const auto carried = world.journal.all<spool::Carried>();
    ASSERT_EQ(carried.size(), 1U);
    EXPECT_EQ(carried[0].recipients[0].state, RecipientState::Delivered);
    EXPECT_EQ(carried[0].recipients[1].state, RecipientState::Pending);
    EXPECT_EQ(carried[0].recipients[2].state, RecipientState::Failed);
    EXPECT_EQ(carried[0].recipients[2].reply.code, 553) << "the bounce will quote it";
    EXPECT_EQ(carried[0].attempts, 1U);
    EXPECT_EQ(carried[0].next_due, before.due);
    const View after = world.view(id);
    EXPECT_NE(after.location, before.location);
    EXPECT_EQ(after.newest, after.location);
    world.restart();
    EXPECT_EQ(world.view(id).due, before.due);
    world.pass(1min);
    world.settle(world.taken(), all_delivered());
    ASSERT_EQ(world.observer.bounces.size(), 1U);
    EXPECT_EQ(world.observer.bounces[0].location, after.location);
    EXPECT_EQ(world.observer.bounces[0].failed[0].reply.code, 553);
}

TEST(QueueRecovery, CarriesNothingThatIsFinished) {
    QueueWorld world(settings_with(1));
    const auto id = world.submit();
    spool::Stored content;
    content.accepted = world.journal.all<spool::Accepted>().back();
    world.settle(world.taken(), all_delivered());
    world.queue->carry(id, spool::Location{1, 1}, content);
    EXPECT_TRUE(world.journal.all<spool::Carried>().empty());
}

TEST(QueueRecovery, SurvivesCompletionsThatComeLaterThanTheirMessageOrTheQueue) {
    QueueWorld world(settings_with(1));
    const auto id = world.submit();
    world.journal.automatic = false;
    world.settle(world.taken(), all_refused(Stage::Rcpt, 451));  // its Outcome is not yet told
    world.pass(1min);
    const auto second = world.queue->take(0, world.now, [](bool) {});
    ASSERT_TRUE(second.has_value());
    world.queue->settle(second->ticket, all_delivered(), world.now);
    EXPECT_EQ(world.queue->size(), 0U);
    const auto next = world.submit();  // in the place of the first one
    const View fresh = world.view(next);
    world.journal.deliver();
    EXPECT_EQ(world.view(next).newest, fresh.newest);
    EXPECT_NE(next, id);
    world.settle(world.taken(), all_refused(Stage::Rcpt, 451));
    world.queue.reset();
    world.journal.deliver();
    EXPECT_EQ(world.journal.undelivered(), 0U);
}

}  // namespace
}  // namespace posthouse::queue::test
