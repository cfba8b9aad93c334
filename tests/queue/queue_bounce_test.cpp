// When a bounce is due, and that there is never one too many.
#include "tests/queue/queue_world.h"

#include <gtest/gtest.h>

namespace posthouse::queue::test {
namespace {

using namespace std::chrono_literals;
using protocol::Stage;
using spool::RecipientState;

void fail_all(QueueWorld& world) {
    while (const auto assignment = world.try_take()) {
        world.settle(*assignment, all_refused(Stage::Rcpt, 550, assignment->recipients.size()));
    }
}

TEST(QueueBounce, IsWantedOrNotAsTheRulesSay) {
    struct Case {
        const char* name;
        Mail mail;
        config::BounceTarget to;
        bool bounce;
        std::size_t bounce_failed;
    };
    const Case cases[] = {
        {"an ordinary sender", {}, config::BounceTarget::Sender, true, 0},
        {"to the postmaster", {}, config::BounceTarget::Postmaster, true, 0},
        {"bounces are off", {}, config::BounceTarget::None, false, 0},
        {"NOTIFY=NEVER", {.notify = protocol::kNotifyNever}, config::BounceTarget::Sender, false, 0},
        {"NOTIFY=SUCCESS,DELAY",
         {.notify = protocol::kNotifySuccess | protocol::kNotifyDelay},
         config::BounceTarget::Sender,
         false,
         0},
        {"NOTIFY=FAILURE", {.notify = protocol::kNotifyFailure}, config::BounceTarget::Sender, true, 0},
        {"the null sender", {.sender = ""}, config::BounceTarget::Sender, false, 1},
        {"the null sender, to the postmaster", {.sender = ""}, config::BounceTarget::Postmaster, false, 1},
        {"our own bounce", {.sender = "", .is_bounce = true}, config::BounceTarget::Sender, false, 1},
        {"our own bounce with a sender",
         {.sender = "x@example.org", .is_bounce = true},
         config::BounceTarget::Sender,
         false,
         1},
    };
    for (const Case& row : cases) {
        SCOPED_TRACE(row.name);
        config::Settings settings = settings_with(1);
        settings.bounces.to = row.to;
        QueueWorld world(settings);
        const auto id = world.submit(row.mail);
        fail_all(world);
        EXPECT_EQ(world.observer.of(EventKind::Failed).size(), 1U);
        EXPECT_EQ(world.observer.bounces.size(), row.bounce ? 1U : 0U);
        EXPECT_EQ(world.observer.of(EventKind::BounceFailed).size(), row.bounce_failed);
        EXPECT_EQ(world.queue->size(), row.bounce ? 1U : 0U);
        EXPECT_EQ(world.journal.all<spool::Outcome>().back().finished, !row.bounce);
        if (!row.bounce) continue;
        EXPECT_EQ(world.view(id).waiting, Waiting::Bouncing);
        EXPECT_EQ(world.observer.bounces[0].upstream, "u0");
        world.queue->bounce_stored(id, world.now);
        EXPECT_EQ(world.queue->size(), 0U);
        EXPECT_TRUE(world.journal.all<spool::Outcome>().back().finished);
        world.queue->bounce_stored(id, world.now);  // once more changes nothing
        EXPECT_EQ(world.observer.of(EventKind::Finished).size(), 1U);
    }
}

TEST(QueueBounce, ListsEveryFailureOfAMessageOnce) {
    config::Settings settings = settings_with(1);
    settings.upstreams[0].max_recipients = 1;
    QueueWorld world(settings);
    const auto id = world.submit({.recipients = {"a@b.example", "c@d.example", "e@f.example"}});
    world.settle(world.taken(), all_refused(Stage::Rcpt, 551));
    world.settle(world.taken(), all_delivered());
    world.settle(world.taken(), all_refused(Stage::Rcpt, 450));
    EXPECT_TRUE(world.observer.bounces.empty());
    world.live_through(std::chrono::days{5});
    ASSERT_EQ(world.observer.bounces.size(), 1U);
    const auto& failed = world.observer.bounces[0].failed;
    ASSERT_EQ(failed.size(), 2U);
    EXPECT_EQ(failed[0].reply.code, 551);
    EXPECT_EQ(failed[1].state, RecipientState::Expired);
    world.queue->bounce_stored(id, world.now);
    EXPECT_EQ(world.queue->size(), 0U);
}

TEST(QueueBounce, IsAskedForAgainAfterACrash) {
    QueueWorld world(settings_with(1));
    const auto id = world.submit({.recipients = {"a@b.example", "c@d.example"}});
    const Assignment assignment = world.taken();
    protocol::TransactionResult result = all_delivered(2);
    result.recipients[1] = all_refused(Stage::Rcpt, 550).recipients[0];
    world.settle(assignment, result);
    ASSERT_EQ(world.observer.bounces.size(), 1U);
    world.observer.bounces.clear();
    const std::size_t records = world.journal.entries().size();
    world.restart();
    ASSERT_EQ(world.observer.bounces.size(), 1U);
    EXPECT_EQ(world.observer.bounces[0].failed.size(), 1U);
    EXPECT_EQ(world.observer.bounces[0].failed[0].reply.text, "no");
    EXPECT_EQ(world.journal.entries().size(), records) << "nothing happened that needs a record";
    world.queue->bounce_stored(id, world.now);
    world.observer.bounces.clear();
    world.restart();
    EXPECT_TRUE(world.observer.bounces.empty());
    EXPECT_EQ(world.queue->size(), 0U);
}

TEST(QueueBounce, EndsAMessageWhoseBounceWasSwitchedOffMeanwhile) {
    QueueWorld world(settings_with(1));
    world.submit();
    fail_all(world);
    ASSERT_EQ(world.queue->size(), 1U);
    config::Settings changed = settings_with(1);
    changed.bounces.to = config::BounceTarget::None;
    world.restart_with(changed);
    EXPECT_EQ(world.queue->size(), 0U);
    EXPECT_TRUE(world.journal.all<spool::Outcome>().back().finished);
}

TEST(QueueBounce, GoesItsOwnWay) {
    config::Settings settings = settings_with(2);
    settings.routes[0].via = {0};
    settings.bounces.via = {1};
    QueueWorld world(settings);
    world.submit({.sender = "", .is_bounce = true});
    EXPECT_FALSE(world.try_take(0).has_value());
    EXPECT_EQ(world.drain(1), 1U);
}

TEST(QueueBounce, KeepsLittleOfAHostileReplyUntilTheMessageIsThrough) {
    config::Settings settings = settings_with(1);
    settings.upstreams[0].max_recipients = 1;
    QueueWorld world(settings);
    world.submit({.recipients = {"a@b.example", "c@d.example"}});
    protocol::TransactionResult result = all_refused(Stage::Rcpt, 550);
    result.recipients[0].reply.text.assign(100'000, 'x');
    world.settle(world.taken(), result);
    world.settle(world.taken(), all_delivered());
    ASSERT_EQ(world.observer.bounces.size(), 1U);
    EXPECT_EQ(world.observer.bounces[0].failed[0].reply.text.size(), 512U);
}

}  // namespace
}  // namespace posthouse::queue::test
