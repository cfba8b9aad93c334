// The path of messages through the queue: taken, settled, deferred, split, expired, held.
#include "tests/queue/queue_world.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace posthouse::queue::test {
namespace {

using namespace std::chrono_literals;
using protocol::Stage;
using spool::RecipientState;

std::vector<std::string> addresses(std::size_t count) {
    std::vector<std::string> made;
    for (std::size_t i = 0; i < count; ++i)
        made.push_back("r" + std::to_string(i) + "@example.net");
    return made;
}

TEST(Queue, RelaysAnAcceptedMessageWithOneRecordOnly) {
    QueueWorld world(settings_with(1));
    const auto id = world.submit();
    EXPECT_EQ(world.observer.woken[0], 1U);
    const Assignment assignment = world.taken();
    EXPECT_EQ(assignment.id, id);
    EXPECT_EQ(assignment.attempt, 1U);
    EXPECT_EQ(assignment.recipients, std::vector<std::uint16_t>{0});
    ASSERT_TRUE(assignment.stored);
    EXPECT_EQ(assignment.location, (spool::Location{1, 1}));
    EXPECT_EQ(world.journal.entries().size(), 1U) << "Accepted is the record of the first attempt";
    EXPECT_EQ(world.queue->in_flight(), 1U);
    world.settle(assignment, all_delivered());
    EXPECT_EQ(world.queue->size(), 0U);
    const auto outcomes = world.journal.all<spool::Outcome>();
    ASSERT_EQ(outcomes.size(), 1U);
    EXPECT_TRUE(outcomes[0].finished);
    EXPECT_EQ(outcomes[0].upstream, "u0");
    EXPECT_EQ(outcomes[0].recipients[0].state, RecipientState::Delivered);
    EXPECT_EQ(world.observer.of(EventKind::Delivered).size(), 1U);
    EXPECT_EQ(world.observer.of(EventKind::Finished).size(), 1U);
    EXPECT_FALSE(world.queue->find(id, world.now).has_value());
    EXPECT_FALSE(world.queue->next_wake().has_value()) << "nothing is left to wait for";
}

TEST(Queue, RetriesByTheScheduleAndRecordsBeforeTheAct) {
    QueueWorld world(settings_with(1));
    const auto id = world.submit();
    world.settle(world.taken(), all_refused(Stage::Rcpt, 451));
    EXPECT_EQ(world.view(id).waiting, Waiting::Retry);
    EXPECT_EQ(world.view(id).due, kStart + 1min);
    EXPECT_FALSE(world.try_take().has_value());
    const auto deferred = world.observer.of(EventKind::Deferred);
    ASSERT_EQ(deferred.size(), 1U);
    EXPECT_EQ(deferred[0].until, kStart + 1min);
    EXPECT_EQ(deferred[0].reply.code, 451);

    world.observer.woken.clear();
    world.live_through(1min);
    EXPECT_EQ(world.observer.woken[0], 1U);
    world.journal.automatic = false;
    int recorded = 0;
    const auto second = world.queue->take(0, world.now, [&](bool good) { recorded += good ? 1 : 100; });
    ASSERT_TRUE(second.has_value());
    EXPECT_EQ(second->attempt, 2U);
    EXPECT_EQ(second->stored, nullptr) << "what waits for a minute is read back";
    EXPECT_EQ(recorded, 0);
    const spool::Attempt attempt = world.journal.all<spool::Attempt>().back();
    EXPECT_EQ(attempt.number, 2U);
    EXPECT_EQ(attempt.next_due, world.now + 2min);
    EXPECT_EQ(attempt.recipients, 0U);
    EXPECT_EQ(world.journal.entries().back().durability, spool::Durability::Written);
    world.journal.deliver();
    EXPECT_EQ(recorded, 1);
    world.queue->settle(second->ticket, all_refused(Stage::Content, 452), world.now);
    EXPECT_EQ(world.view(id).due, world.now + 2min);
    EXPECT_EQ(world.view(id).attempts, 2U);
}

TEST(Queue, TakesTheMessageBackIfTheAttemptCannotBeRecorded) {
    QueueWorld world(settings_with(1));
    const auto id = world.submit();
    world.settle(world.taken(), all_refused(Stage::Rcpt, 451));
    world.pass(1min);
    world.journal.failing = true;
    bool recorded = true;
    const auto second = world.queue->take(0, world.now, [&](bool good) { recorded = good; });
    ASSERT_TRUE(second.has_value());
    world.journal.deliver();
    EXPECT_FALSE(recorded);
    EXPECT_EQ(world.queue->in_flight(), 0U);
    EXPECT_EQ(world.observer.of(EventKind::SpoolError).size(), 1U);
    EXPECT_EQ(world.view(id).attempts, 1U) << "it was no attempt";
    EXPECT_FALSE(world.try_take().has_value()) << "the spool gets a moment";
    world.queue->settle(second->ticket, all_delivered(), world.now);  // a void ticket changes nothing
    EXPECT_EQ(world.queue->size(), 1U);
    world.journal.failing = false;
    world.live_through(1s);
    EXPECT_EQ(world.taken().attempt, 2U);
}

TEST(Queue, SettlesEachRecipientByItself) {
    QueueWorld world(settings_with(1));
    const auto id = world.submit({.recipients = addresses(4)});
    const Assignment assignment = world.taken();
    protocol::TransactionResult result = all_delivered(4);
    result.recipients[1] = all_refused(Stage::Rcpt, 550).recipients[0];
    result.recipients[2] = all_refused(Stage::Rcpt, 450).recipients[0];
    world.settle(assignment, result);
    EXPECT_EQ(world.view(id).recipients_pending, 1U);
    EXPECT_TRUE(world.observer.bounces.empty()) << "one bounce, when all are final";
    world.pass(1min);
    const Assignment second = world.taken();
    EXPECT_EQ(second.recipients, std::vector<std::uint16_t>{2});
    world.settle(second, all_delivered());
    ASSERT_EQ(world.observer.bounces.size(), 1U);
    ASSERT_EQ(world.observer.bounces[0].failed.size(), 1U);
    EXPECT_EQ(world.observer.bounces[0].failed[0].index, 1U);
    EXPECT_EQ(world.observer.bounces[0].failed[0].reply.code, 550);
}

TEST(Queue, SplitsWhatIsTooManyForOneTransaction) {
    config::Settings settings = settings_with(1);
    settings.upstreams[0].max_recipients = 40;
    QueueWorld world(settings);
    const auto id = world.submit({.recipients = addresses(100)});
    const Assignment a = world.taken();
    const Assignment b = world.taken();
    const Assignment c = world.taken();
    EXPECT_FALSE(world.try_take().has_value());
    EXPECT_EQ(a.recipients.size(), 40U);
    EXPECT_EQ(b.recipients.front(), 40U);
    EXPECT_EQ(c.recipients.size(), 20U);
    EXPECT_EQ(c.recipients.back(), 99U);
    world.settle(b, all_refused(Stage::Content, 451, 40));
    world.settle(a, all_delivered(40));
    world.pass(30s);
    world.settle(c, all_refused(Stage::Content, 451, 20));
    EXPECT_EQ(world.view(id).recipients_pending, 60U);
    world.pass(30s);
    EXPECT_EQ(world.taken().recipients, b.recipients) << "each part waits for itself";
    EXPECT_FALSE(world.try_take().has_value());
    world.pass(30s);
    EXPECT_EQ(world.taken().recipients, c.recipients);
}

TEST(Queue, SplitsAMessageOverItsRoutes) {
    config::Settings settings = settings_with(2);
    config::Route partner;
    partner.match.recipient = "*@partner.example";
    partner.via = {1};
    settings.routes[0].via = {0};
    settings.routes.insert(settings.routes.begin(), partner);
    QueueWorld world(settings);
    const auto id = world.submit({.recipients = {"a@example.net", "b@partner.example", "c@example.net"}});
    EXPECT_EQ(world.taken(0).recipients, (std::vector<std::uint16_t>{0, 2}));
    EXPECT_EQ(world.taken(1).recipients, std::vector<std::uint16_t>{1});
    EXPECT_EQ(world.view(id).route, "u1; u0");
}

TEST(Queue, ReturnsSoonAfter421ButNotForEver) {
    QueueWorld world(settings_with(1));
    const auto id = world.submit();
    world.settle(world.taken(), all_untried(Stage::Mail, 421));
    EXPECT_EQ(world.view(id).due, kStart + 1s);
    // Others are decided in between: the upstream is well, this message has bad luck.
    for (int i = 0; i < 2; ++i) {
        world.submit();
        world.settle(world.taken(), all_delivered());
        world.pass(1s);
        world.settle(world.taken(), all_untried(Stage::Mail, 421));
    }
    EXPECT_EQ(world.view(id).due, world.now + 5min) << "third attempt: by the schedule";
    EXPECT_EQ(world.observer.alerts(), 0U);
}

TEST(Queue, PausesAnUpstreamThatOnlySays421) {
    QueueWorld world(settings_with(1));
    for (int i = 0; i < 10; ++i)
        world.submit();
    for (int i = 0; i < 3; ++i)
        world.settle(world.taken(), all_untried(Stage::Mail, 421));
    EXPECT_FALSE(world.try_take().has_value());
    ASSERT_EQ(world.observer.of(EventKind::UpstreamPaused).size(), 1U);
    EXPECT_EQ(world.observer.alerts(), 1U);
    EXPECT_EQ(world.queue->connections_wanted(0, world.now), 0U);
    // It comes back one message at a time.
    world.pass(30s);
    EXPECT_EQ(world.queue->connections_wanted(0, world.now), 1U);
    EXPECT_FALSE(world.try_take().has_value());
    world.queue->connection_ready(0, world.now);
    const Assignment probe = world.taken();
    EXPECT_FALSE(world.try_take().has_value());
    world.settle(probe, all_untried(Stage::Mail, 421));
    EXPECT_FALSE(world.try_take().has_value());
    world.pass(1min);
    world.queue->connection_ready(0, world.now);
    world.settle(world.taken(), all_delivered());
    EXPECT_EQ(world.drain(), 9U);
    EXPECT_EQ(world.observer.alerts(), 1U) << "one outage, one alert";
    EXPECT_EQ(world.observer.of(EventKind::UpstreamResumed).size(), 1U);
}

TEST(Queue, KeepsMailWhenTheAccountIsRefusedAtMail) {
    QueueWorld world(settings_with(2));
    const auto id = world.submit();
    world.settle(world.taken(0), all_refused(Stage::Mail, 530));
    EXPECT_EQ(world.observer.of(EventKind::Failed).size(), 0U);
    EXPECT_EQ(world.observer.alerts(), 1U);
    EXPECT_EQ(world.observer.woken.count(1), 1U) << "the next one takes over at once";
    const Assignment second = world.taken(1);
    EXPECT_EQ(second.id, id);
    world.settle(second, all_delivered());
}

TEST(Queue, DoesAsTheUncertainPolicySays) {
    for (const auto policy : {config::UncertainPolicy::Retry, config::UncertainPolicy::AssumeDelivered,
                              config::UncertainPolicy::Hold}) {
        config::Settings settings = settings_with(1);
        settings.upstreams[0].uncertain = policy;
        QueueWorld world(settings);
        const auto id = world.submit();
        world.settle(world.taken(), all_uncertain());
        EXPECT_EQ(world.observer.of(EventKind::Uncertain).size(), 1U);
        const spool::Outcome outcome = world.journal.all<spool::Outcome>().at(0);
        EXPECT_TRUE(outcome.recipients[0].uncertain);
        switch (policy) {
            case config::UncertainPolicy::Retry:
                EXPECT_EQ(world.view(id).due, kStart + 1min);
                EXPECT_EQ(world.view(id).attempts, 1U);
                break;
            case config::UncertainPolicy::AssumeDelivered:
                EXPECT_TRUE(outcome.finished);
                EXPECT_EQ(world.queue->size(), 0U);
                break;
            case config::UncertainPolicy::Hold:
                EXPECT_EQ(world.view(id).waiting, Waiting::Held);
                EXPECT_EQ(world.observer.alerts(), 1U);
                world.live_through(std::chrono::days{30});
                EXPECT_EQ(world.queue->size(), 1U) << "held mail waits for the operator, also beyond expiry";
                world.restart();
                EXPECT_EQ(world.view(id).waiting, Waiting::Held);
                EXPECT_FALSE(world.try_take().has_value());
                break;
        }
    }
}

TEST(Queue, ExpiresWhatIsOldWithWhatItKnows) {
    config::Settings settings = settings_with(2);
    config::Route code;
    code.match.sender = "login@*";
    code.via = {1};
    code.expire_after = 30min;
    settings.routes.insert(settings.routes.begin(), code);
    settings.routes[1].via = {0};
    QueueWorld world(settings);
    const auto urgent = world.submit({.sender = "login@example.org"});
    const auto normal = world.submit();
    world.fail_connection(1);
    world.settle(world.taken(0), all_refused(Stage::Rcpt, 451));
    EXPECT_EQ(world.view(urgent).expires_at, kStart + 30min);
    EXPECT_EQ(world.view(normal).expires_at, kStart + std::chrono::days{5});
    world.live_through(30min - 1ms);
    EXPECT_TRUE(world.observer.bounces.empty());
    world.live_through(1ms);
    ASSERT_EQ(world.observer.bounces.size(), 1U);
    EXPECT_EQ(world.observer.bounces[0].id, urgent);
    EXPECT_EQ(world.observer.bounces[0].upstream, "");
    EXPECT_EQ(world.observer.bounces[0].failed[0].state, RecipientState::Expired);
    EXPECT_EQ(world.observer.bounces[0].failed[0].reply.text,
              "expired after 30m; no upstream answered for it");

    while (world.now < kStart + std::chrono::days{5} - 1h) {
        world.live_through(1h);
        while (const auto again = world.try_take(0))
            world.settle(*again, all_refused(Stage::Rcpt, 452));
    }
    world.live_through(1h);
    ASSERT_EQ(world.observer.bounces.size(), 2U);
    EXPECT_EQ(world.observer.bounces[1].failed[0].reply.text,
              "expired after 5d; the last answer of an upstream was 452");
    EXPECT_EQ(world.observer.of(EventKind::Expired).size(), 2U);
}

TEST(Queue, DoesNotExpireWhatIsInFlight) {
    QueueWorld world(settings_with(1));
    const auto id = world.submit();
    const Assignment assignment = world.taken();
    world.live_through(std::chrono::days{6});
    EXPECT_EQ(world.view(id).waiting, Waiting::InFlight);
    world.settle(assignment, all_delivered());
    EXPECT_EQ(world.queue->size(), 0U);
    EXPECT_TRUE(world.observer.bounces.empty());
}

TEST(Queue, GivesBackWithoutCountingAnAttempt) {
    QueueWorld world(settings_with(1));
    const auto first = world.submit();
    world.submit();
    const Assignment assignment = world.taken();
    world.queue->give_back(assignment.ticket, "the daemon stops", std::nullopt, world.now);
    const Assignment again = world.taken();
    EXPECT_EQ(again.id, first) << "it keeps its place";
    EXPECT_EQ(again.attempt, 1U);
    world.queue->give_back(again.ticket, "the content could not be read", world.now + 10s, world.now);
    EXPECT_NE(world.taken().id, first);
    EXPECT_EQ(world.view(first).due, world.now + 10s);
    EXPECT_EQ(world.observer.of(EventKind::GivenBack).size(), 2U);
    world.live_through(10s);
    EXPECT_EQ(world.taken().id, first);
}

TEST(Queue, RefusesWhatNoUpstreamOfItsRouteTakes) {
    config::Settings settings = settings_with(2);
    settings.upstreams[0].max_message_size = 1000;
    settings.upstreams[1].max_message_size = 5000;
    QueueWorld world(settings);
    world.submit({.size = 1000});
    world.submit({.size = 1001});
    const auto huge = world.submit({.size = 5001});
    EXPECT_EQ(world.drain(0), 1U);
    EXPECT_EQ(world.drain(1), 1U) << "too large for the first one";
    ASSERT_EQ(world.observer.bounces.size(), 1U);
    EXPECT_EQ(world.observer.bounces[0].id, huge);
    EXPECT_EQ(world.observer.bounces[0].failed[0].reply.code, 552);
    EXPECT_EQ(world.view(huge).waiting, Waiting::Bouncing);
}

TEST(Queue, ListsInOrderOfIdPageByPage) {
    QueueWorld world(settings_with(1));
    std::vector<spool::MessageId> ids;
    for (int i = 0; i < 25; ++i)
        ids.push_back(world.submit());
    for (int i = 0; i < 5; ++i)
        world.settle(world.taken(), all_delivered());
    std::vector<spool::MessageId> listed;
    spool::MessageId after{};
    while (true) {
        const auto page = world.queue->list(after, 7, world.now);
        if (page.empty()) break;
        for (const View& row : page)
            listed.push_back(row.id);
        after = page.back().id;
    }
    EXPECT_EQ(listed, std::vector<spool::MessageId>(ids.begin() + 5, ids.end()));
    EXPECT_TRUE(world.queue->list({}, 0, world.now).empty());
}

TEST(Queue, KeepsContentsInMemoryWithinTheBudgetOnly) {
    QueueWorld world(settings_with(1), 2000);
    for (int i = 0; i < 5; ++i)
        world.submit();
    std::size_t hot = 0;
    while (const auto assignment = world.try_take()) {
        hot += assignment->stored ? 1 : 0;
        world.settle(*assignment, all_delivered());
    }
    EXPECT_EQ(hot, 3U);
    world.submit();
    EXPECT_NE(world.taken().stored, nullptr) << "the budget is free again";
}

TEST(Queue, DoesNotGoBackInTime) {
    QueueWorld world(settings_with(1));
    world.submit();
    world.settle(world.taken(), all_refused(Stage::Rcpt, 451));
    world.live_through(2min);
    world.now -= 1h;
    EXPECT_TRUE(world.try_take().has_value());
}

}  // namespace
}  // namespace posthouse::queue::test
