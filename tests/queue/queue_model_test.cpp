// The queue against a naive model of it, under random operations: who may be taken by whom, what is left,
// when it is due, and that whoever could take something was woken.
#include "daemon/queue/limits.h"
#include "daemon/queue/upstream_health.h"
#include "tests/queue/queue_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <variant>

namespace posthouse::queue::test {
namespace {

using namespace std::chrono_literals;
using protocol::RecipientStatus;
using protocol::Stage;
using spool::RecipientState;
using State = UpstreamHealth::State;

constexpr Duration kExpireAfter = 30min;
constexpr Duration kSchedule[] = {1min, 2min, 5min};

struct ModelRecipient {
    RecipientState state = RecipientState::Pending;
    TimePoint due{};
    std::uint32_t attempts = 0;
    int soon = 0;
    bool in_flight = false;
};

struct ModelMessage {
    TimePoint accepted_at{};
    bool bounces = true;
    std::vector<ModelRecipient> recipients;
};

struct ModelFlight {
    Assignment assignment;
    TimePoint taken_at{};
};

class Model {
  public:
    Model(std::uint64_t seed, config::Settings given) : world(std::move(given)), random(seed) {
        for (const config::Upstream& upstream : world.settings->upstreams) {
            health.emplace_back(upstream.recovery);
            quota.emplace_back(upstream.limits);
        }
        awake.assign(health.size(), false);
    }

    void run(int steps) {
        for (int step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
            SCOPED_TRACE("step " + std::to_string(step));
            one_step();
            hear();
            check();
        }
    }

  private:
    std::size_t draw(std::size_t below) { return static_cast<std::size_t>(random() % below); }

    [[nodiscard]] bool open(std::size_t upstream) const {
        return health[upstream].state() == State::Open && quota[upstream].left(world.now).any();
    }

    [[nodiscard]] std::size_t flying(std::size_t upstream) const {
        return static_cast<std::size_t>(std::ranges::count_if(
            flights, [&](const ModelFlight& flight) { return flight.assignment.upstream == upstream; }));
    }

    [[nodiscard]] bool any_ready() const {
        for (const auto& [id, message] : messages) {
            for (const ModelRecipient& recipient : message.recipients) {
                if (recipient.state == RecipientState::Pending && !recipient.in_flight &&
                    recipient.due <= world.now) {
                    return true;
                }
            }
        }
        return false;
    }

    // One route through all upstreams in order: the first open one has everything that is ready.
    [[nodiscard]] bool takeable(std::size_t upstream) const {
        for (std::size_t earlier = 0; earlier < upstream; ++earlier) {
            if (open(earlier)) return false;
        }
        const bool trial = health[upstream].state() == State::Trial && flying(upstream) == 0 &&
                           quota[upstream].left(world.now).any();
        return (open(upstream) || trial) && any_ready();
    }

    void one_step() {
        const std::size_t upstream = draw(health.size());
        switch (draw(16)) {
            case 0:
            case 1:
                submit();
                break;
            case 2:
            case 3:
                pass(Duration{static_cast<Duration::rep>(draw(1ULL << draw(22)))});
                break;
            case 4:
                if (const auto wake = world.queue->next_wake())
                    pass(std::max(*wake - world.now, Duration{0}));
                break;
            case 5:
                fail_connection(upstream);
                break;
            case 6:
            case 7:
                world.queue->connection_ready(static_cast<UpstreamIndex>(upstream), world.now);
                (void)health[upstream].connection_ready();
                break;
            case 8:
                give_back();
                break;
            case 9:
                store_bounces();
                break;
            case 10:
                if (draw(20) == 0) restart();
                break;
            case 11:
            case 12:
                settle();
                break;
            default:
                take(upstream);
        }
    }

    void submit() {
        Mail mail;
        mail.recipients.assign(1 + draw(4), "a@example.net");
        if (draw(4) == 0) mail.sender.clear();
        ModelMessage message;
        message.accepted_at = world.now;
        message.bounces = !mail.sender.empty();
        message.recipients.resize(mail.recipients.size());
        for (ModelRecipient& recipient : message.recipients)
            recipient.due = world.now;
        messages.emplace(world.submit(mail).value, message);
    }

    void pass(Duration time) {
        world.pass(time);
        for (std::size_t i = 0; i < health.size(); ++i) {
            (void)health[i].wake(world.now);
            quota[i].age(world.now);
        }
        for (auto& [id, message] : messages) {
            if (message.accepted_at + kExpireAfter > world.now) continue;
            for (ModelRecipient& recipient : message.recipients) {
                if (recipient.state == RecipientState::Pending && !recipient.in_flight) {
                    recipient.state = RecipientState::Expired;
                }
            }
        }
        drop_finished();
    }

    void fail_connection(std::size_t upstream) {
        if (draw(3) != 0) return;
        world.fail_connection(static_cast<UpstreamIndex>(upstream));
        (void)health[upstream].connection_failed("connection refused", world.now);
    }

    void take(std::size_t upstream) {
        const auto index = static_cast<UpstreamIndex>(upstream);
        const bool expected = takeable(upstream);
        const auto assignment =
            world.queue->take(index, world.now, [](bool recorded) { EXPECT_TRUE(recorded); });
        ASSERT_EQ(assignment.has_value(), expected);
        if (!assignment) {
            awake[upstream] = false;
            return;
        }
        awake[upstream] = false;
        ASSERT_TRUE(messages.contains(assignment->id.value));
        ASSERT_TRUE(std::ranges::is_sorted(assignment->recipients));
        ASSERT_LE(assignment->recipients.size(), world.settings->upstreams[upstream].max_recipients);
        ASSERT_LE(assignment->recipients.size(), quota[upstream].left(world.now).recipients);
        ASSERT_FALSE(assignment->recipients.empty());
        for (const std::uint16_t number : assignment->recipients) {
            ModelRecipient& recipient = messages.at(assignment->id.value).recipients.at(number);
            ASSERT_EQ(recipient.state, RecipientState::Pending);
            ASSERT_FALSE(recipient.in_flight);
            ASSERT_LE(recipient.due, world.now);
            ASSERT_EQ(assignment->attempt, recipient.attempts + 1);
            recipient.in_flight = true;
            ++recipient.attempts;
        }
        quota[upstream].charge(world.now, static_cast<std::uint32_t>(assignment->recipients.size()));
        flights.push_back({*assignment, world.now});
    }

    ModelFlight remove_flight() {
        const std::size_t which = draw(flights.size());
        ModelFlight flight = flights[which];
        flights.erase(flights.begin() + static_cast<std::ptrdiff_t>(which));
        return flight;
    }

    void give_back() {
        if (flights.empty() || draw(3) != 0) return;
        const ModelFlight flight = remove_flight();
        const bool later = draw(2) == 0;
        const TimePoint due = later ? world.now + 10s : world.now;
        world.queue->give_back(flight.assignment.ticket, "test", later ? std::optional{due} : std::nullopt,
                               world.now);
        for (const std::uint16_t number : flight.assignment.recipients) {
            ModelRecipient& recipient = messages.at(flight.assignment.id.value).recipients[number];
            recipient.in_flight = false;
            --recipient.attempts;
            recipient.due = due;
        }
    }

    // Results that the dialogue can give: all alike, or per recipient at RCPT.
    protocol::TransactionResult some_result(std::size_t count) {
        switch (draw(10)) {
            case 0:
                return all_refused(Stage::Mail, 450, count);
            case 1:
                return all_refused(Stage::Content, 554, count);
            case 2:
                return all_untried(Stage::Mail, 421, count);
            case 3:
                return all_untried(Stage::Content, 0, count);
            case 4:
                return draw(5) == 0 ? all_refused(Stage::Mail, 530, count) : all_uncertain(count);
            default:
                break;
        }
        protocol::TransactionResult result = all_delivered(count);
        for (auto& recipient : result.recipients) {
            const std::uint16_t codes[] = {250, 250, 451, 550};
            const std::uint16_t code = codes[draw(4)];
            if (code != 250) recipient = all_refused(Stage::Rcpt, code).recipients[0];
        }
        return result;
    }

    void settle() {
        if (flights.empty()) return;
        const ModelFlight flight = remove_flight();
        const std::size_t upstream = flight.assignment.upstream;
        const protocol::TransactionResult result = some_result(flight.assignment.recipients.size());
        world.settle(flight.assignment, result);
        if (result.connection_usable) awake[upstream] = true;  // it asks take() by itself
        quota[upstream].settle(flight.taken_at, world.now,
                               static_cast<std::uint32_t>(flight.assignment.recipients.size()));
        const protocol::RecipientResult& first = result.recipients.front();
        const bool broke_off = first.status == RecipientStatus::NotTried && first.stage == Stage::Mail;
        const bool refused = first.status == RecipientStatus::Refused && first.reply.code == 530;
        const bool undecided = first.status == RecipientStatus::NotTried && first.stage == Stage::Content;
        if (broke_off) {
            (void)health[upstream].transaction_broke_off("421", world.now);
        } else if (refused) {
            (void)health[upstream].account_refused("530", world.now);
        } else if (!undecided) {
            (void)health[upstream].transaction_decided();
        }
        ModelMessage& message = messages.at(flight.assignment.id.value);
        for (std::size_t i = 0; i < result.recipients.size(); ++i) {
            ModelRecipient& recipient = message.recipients[flight.assignment.recipients[i]];
            recipient.in_flight = false;
            if (result.recipients[i].status == RecipientStatus::Delivered) {
                recipient.state = RecipientState::Delivered;
            } else if (refused) {
                recipient.due = world.now;
                recipient.soon = 0;
            } else if (result.recipients[i].reply.permanent()) {
                recipient.state = RecipientState::Failed;
            } else if (broke_off && recipient.soon < 2) {
                recipient.due = world.now + 1s;
                ++recipient.soon;
            } else {
                const std::size_t step =
                    std::min<std::size_t>(recipient.attempts - 1, std::size(kSchedule) - 1);
                recipient.due = world.now + kSchedule[step];
                recipient.soon = 0;
            }
        }
        drop_finished();
    }

    static bool settled(const ModelMessage& message) {
        return std::ranges::none_of(message.recipients, [](const ModelRecipient& recipient) {
            return recipient.state == RecipientState::Pending;
        });
    }

    static bool wants_bounce(const ModelMessage& message) {
        return message.bounces &&
               std::ranges::any_of(message.recipients, [](const ModelRecipient& recipient) {
                   return recipient.state != RecipientState::Delivered;
               });
    }

    void drop_finished() {
        std::erase_if(messages,
                      [](const auto& entry) { return settled(entry.second) && !wants_bounce(entry.second); });
    }

    void store_bounces() {
        for (const BounceRequest& request : world.observer.bounces) {
            const auto message = messages.find(request.id.value);
            ASSERT_NE(message, messages.end()) << "a bounce for a message that is through";
            ASSERT_TRUE(settled(message->second));
            std::size_t failed = 0;
            for (std::size_t i = 0; i < message->second.recipients.size(); ++i) {
                const RecipientState state = message->second.recipients[i].state;
                if (state == RecipientState::Delivered) continue;
                ASSERT_LT(failed, request.failed.size());
                EXPECT_EQ(request.failed[failed].index, i);
                EXPECT_EQ(request.failed[failed++].state, state);
            }
            EXPECT_EQ(failed, request.failed.size());
            world.queue->bounce_stored(request.id, world.now);
            messages.erase(message);
        }
        world.observer.bounces.clear();
    }

    void restart() {
        world.observer.bounces.clear();
        world.restart();
        flights.clear();
        awake.assign(awake.size(), false);
        for (std::size_t i = 0; i < health.size(); ++i) {
            const config::Upstream& upstream = world.settings->upstreams[i];
            health[i] = UpstreamHealth(upstream.recovery);
            quota[i] = Quota(upstream.limits);
            for (const FakeJournal::Entry& entry : world.journal.entries()) {
                if (const auto* state = std::get_if<spool::UpstreamState>(&entry.record);
                    state != nullptr && state->upstream == upstream.name) {
                    health[i].restore(*state);
                    quota[i].restore(state->limits);
                } else if (const auto* attempt = std::get_if<spool::Attempt>(&entry.record);
                           attempt != nullptr && attempt->upstream == upstream.name &&
                           attempt->recipients > 0) {
                    quota[i].recover(attempt->at, attempt->recipients);
                }
            }
            (void)health[i].wake(world.now);
            quota[i].age(world.now);
        }
        // What was in flight is pending again; all that is pending of a message now waits together.
        for (auto& [id, message] : messages) {
            const bool expired = message.accepted_at + kExpireAfter <= world.now;
            const auto view = world.queue->find({id}, world.now);
            TimePoint latest = world.now;
            for (ModelRecipient& recipient : message.recipients) {
                if (recipient.state != RecipientState::Pending) continue;
                recipient.in_flight = false;
                if (expired) {
                    recipient.state = RecipientState::Expired;
                    continue;
                }
                ASSERT_TRUE(view.has_value());
                latest = std::max(latest, recipient.due);
                recipient.due = view->waiting == Waiting::Retry ? view->due : world.now;
                recipient.attempts = view->attempts;
                recipient.soon = 0;
            }
            if (view && view->waiting == Waiting::Retry) {
                EXPECT_LE(view->due, latest + 5min) << "nothing waits longer than a step";
            }
        }
        drop_finished();
    }

    void hear() {
        for (const auto& [upstream, ready] : world.observer.woken) {
            EXPECT_GT(ready, 0U);
            awake[upstream] = true;
        }
        world.observer.woken.clear();
    }

    void check() {
        ASSERT_EQ(world.queue->size(), messages.size());
        ASSERT_EQ(world.queue->in_flight(), flights.size());
        for (std::size_t i = 0; i < health.size(); ++i) {
            const auto upstream = static_cast<UpstreamIndex>(i);
            ASSERT_EQ(world.queue->in_flight(upstream), flying(i));
            if (takeable(i)) {
                ASSERT_GT(world.queue->connections_wanted(upstream, world.now), 0U);
                ASSERT_TRUE(awake[i] || flying(i) > 0) << "upstream " << i << " sleeps over its work";
            }
            if (health[i].state() == State::Paused) {
                ASSERT_EQ(world.queue->connections_wanted(upstream, world.now), 0U);
            }
            if (health[i].state() == State::Probing) {
                ASSERT_EQ(world.queue->connections_wanted(upstream, world.now), 1U);
            }
        }
        for (const View& view : world.queue->list({}, 1'000'000, world.now)) {
            const auto message = messages.find(view.id.value);
            ASSERT_NE(message, messages.end());
            const auto pending = std::ranges::count(message->second.recipients, RecipientState::Pending,
                                                    &ModelRecipient::state);
            ASSERT_EQ(view.recipients_pending, pending);
            ASSERT_EQ(view.waiting == Waiting::Bouncing, pending == 0);
        }
    }

    QueueWorld world;
    std::mt19937_64 random;
    std::map<std::uint64_t, ModelMessage> messages;
    std::vector<ModelFlight> flights;
    std::vector<UpstreamHealth> health;
    std::vector<Quota> quota;
    std::vector<bool> awake;
};

config::Settings model_settings() {
    config::Settings settings = settings_with(3);
    settings.retry.schedule.assign(std::begin(kSchedule), std::end(kSchedule));
    settings.retry.expire_after = kExpireAfter;
    settings.upstreams[0].limits = {limit(12, config::LimitUnit::Recipients, 10min),
                                    limit(2, config::LimitUnit::Messages, 10s)};
    settings.upstreams[1].max_recipients = 2;
    settings.upstreams[1].connections = 1;
    settings.upstreams[2].limits = {limit(30, config::LimitUnit::Messages, 1h)};
    return settings;
}

TEST(QueueModel, AgreesWithANaiveModelUnderRandomOperations) {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Model model(seed, model_settings());
        model.run(1500);
        if (::testing::Test::HasFailure()) break;
    }
}

}  // namespace
}  // namespace posthouse::queue::test
