// The small parts: retry policy, router, timing wheel, lanes, index of ids, sets of recipients.
#include "daemon/queue/hot_store.h"
#include "daemon/queue/id_index.h"
#include "daemon/queue/recipient_sets.h"
#include "daemon/queue/retry_policy.h"
#include "daemon/queue/router.h"
#include "daemon/queue/scheduler.h"
#include "daemon/queue/timing_wheel.h"
#include "tests/queue/queue_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace posthouse::queue {
namespace {

using namespace std::chrono_literals;
using test::kStart;

TEST(RetryPolicy, FollowsTheScheduleAndRepeatsTheLast) {
    config::Retry settings;
    settings.schedule = {1min, 2min, 5min};
    settings.jitter = 0;
    RetryPolicy policy(settings, 7);
    EXPECT_EQ(policy.next(kStart, 1), kStart + 1min);
    EXPECT_EQ(policy.next(kStart, 2), kStart + 2min);
    EXPECT_EQ(policy.next(kStart, 3), kStart + 5min);
    EXPECT_EQ(policy.next(kStart, 60'000), kStart + 5min);
    EXPECT_EQ(policy.longest(), 5min);
}

TEST(RetryPolicy, SpreadsOverTheWholeJitterAndNotBeyond) {
    config::Retry settings;
    settings.schedule = {100s};
    settings.jitter = 0.1;
    RetryPolicy policy(settings, 7);
    Duration least = 1000s;
    Duration most{};
    for (int i = 0; i < 2000; ++i) {
        const Duration wait = policy.next(kStart, 1) - kStart;
        least = std::min(least, wait);
        most = std::max(most, wait);
    }
    EXPECT_GE(least, 90s);
    EXPECT_LE(least, 91s);
    EXPECT_LE(most, 110s);
    EXPECT_GE(most, 109s);
    RetryPolicy twin(settings, 7);
    RetryPolicy other(settings, 8);
    RetryPolicy first(settings, 7);
    const TimePoint expected = first.next(kStart, 1);
    EXPECT_EQ(twin.next(kStart, 1), expected);
    EXPECT_NE(other.next(kStart, 1), expected);
}

config::Settings routed() {
    config::Settings settings = test::settings_with(3);
    config::Route partner;
    partner.match.recipient = "*@partner.example";
    partner.via = {2};
    partner.expire_after = 30min;
    config::Route shop;
    shop.match.sender = "*@SHOP.example";
    shop.match.login = "shop";
    shop.priority = config::Priority::High;
    shop.via = {1, 0};
    settings.routes.insert(settings.routes.begin(), {partner, shop});
    return settings;
}

TEST(Router, TakesTheFirstRouteThatMatches) {
    struct Case {
        const char* name;
        const char* sender;
        const char* recipient;
        const char* login;
        RouteIndex route;
    };
    constexpr Case kCases[] = {
        {"by recipient", "x@shop.example", "Bob@Partner.EXAMPLE", "shop", 0},
        {"by sender and login", "x@shop.example", "bob@example.net", "SHOP", 1},
        {"another login", "x@shop.example", "bob@example.net", "other", 2},
        {"no login", "x@shop.example", "bob@example.net", "", 2},
        {"the null sender", "", "bob@example.net", "shop", 2},
        {"suffix only", "x@shop.example.net", "bob@partner.example.net", "shop", 2},
    };
    const Router router(routed());
    for (const Case& row : kCases) {
        EXPECT_EQ(router.route(row.sender, row.recipient, row.login, false), row.route) << row.name;
    }
    EXPECT_EQ(router.expire_after(0), 30min);
    EXPECT_EQ(router.expire_after(1), std::chrono::days{5});
    EXPECT_EQ(router.description(1), "u1, u0");
}

TEST(Router, SendsBouncesTheirOwnWayOnlyIfThereIsOne) {
    config::Settings settings = routed();
    EXPECT_EQ(Router(settings).route("", "x@partner.example", "", true), 0U);
    settings.bounces.via = {1};
    const Router router(settings);
    EXPECT_EQ(router.route("", "x@partner.example", "", true), 3U);
    EXPECT_EQ(router.upstreams(3, 0), std::vector<std::uint32_t>{1});
    EXPECT_EQ(router.route("", "x@example.net", "", false), 2U);
}

TEST(Router, DropsUpstreamsThatAreTooSmall) {
    config::Settings settings = test::settings_with(4);
    settings.upstreams[0].max_message_size = 10;
    settings.upstreams[1].max_message_size = 30;
    settings.upstreams[2].max_message_size = 10;
    const Router router(settings);
    ASSERT_EQ(router.size_steps(0), (std::vector<std::uint64_t>{10, 30}));
    EXPECT_EQ(router.upstreams(0, 0), (std::vector<std::uint32_t>{0, 1, 2, 3}));
    EXPECT_EQ(router.upstreams(0, 1), (std::vector<std::uint32_t>{1, 3}));
    EXPECT_EQ(router.upstreams(0, 2), (std::vector<std::uint32_t>{3}));
}

TEST(TimingWheel, GivesEachJobAtItsTimeLikeASortedList) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937_64 random(seed);
        Slab<Job> jobs;
        std::multimap<TimePoint, JobIndex> naive;
        TimingWheel wheel(jobs, [&](JobIndex job) { return jobs[job].due; });
        TimePoint now = kStart;
        wheel.start(now);
        for (int step = 0; step < 3000; ++step) {
            const auto range = Duration{static_cast<Duration::rep>(random() % (1ULL << random() % 40U))};
            switch (random() % 4) {
                case 0:
                case 1: {
                    const JobIndex job = jobs.allocate();
                    jobs[job].due = now + range - 5ms;
                    naive.emplace(std::max(jobs[job].due, now), job);
                    wheel.insert(job);
                    break;
                }
                case 2: {
                    if (naive.empty()) break;
                    auto victim = naive.begin();
                    std::advance(victim, static_cast<std::ptrdiff_t>(random() % naive.size()));
                    wheel.remove(victim->second);
                    wheel.remove(victim->second);  // once more does nothing
                    jobs.release(victim->second);
                    naive.erase(victim);
                    break;
                }
                default: {
                    if (const auto next = wheel.next()) {
                        ASSERT_LE(*next, naive.begin()->first);
                    } else {
                        ASSERT_TRUE(naive.empty());
                    }
                    now += range;
                    for (JobIndex job = wheel.pop(now); job != kNone; job = wheel.pop(now)) {
                        ASSERT_FALSE(naive.empty());
                        ASSERT_EQ(job, naive.begin()->second);  // in order, and FIFO within a millisecond
                        naive.erase(naive.begin());
                        jobs.release(job);
                    }
                    ASSERT_TRUE(naive.empty() || naive.begin()->first > now);
                }
            }
        }
    }
}

TEST(TimingWheel, SaysExactlyWhenOnceItIsNear) {
    Slab<Job> jobs;
    TimingWheel wheel(jobs, [&](JobIndex job) { return jobs[job].due; });
    wheel.start(kStart);
    const JobIndex job = jobs.allocate();
    jobs[job].due = kStart + 5h;
    wheel.insert(job);
    int wakes = 0;
    while (*wheel.next() < kStart + 5h) {
        ASSERT_EQ(wheel.pop(*wheel.next()), kNone);
        ASSERT_LE(++wakes, 8) << "a wheel is come down in one wake each";
    }
    EXPECT_EQ(*wheel.next(), kStart + 5h);
    EXPECT_EQ(wheel.pop(kStart + 5h - 1ms), kNone);
    EXPECT_EQ(wheel.pop(kStart + 5h), job);
    EXPECT_TRUE(wheel.empty());
}

struct Lanes {
    Slab<Job> jobs;
    Scheduler scheduler{jobs, 3};
    std::vector<UpstreamIndex> gained;
    int ms = 0;

    JobIndex push(LaneIndex lane) {
        const JobIndex job = jobs.allocate();
        jobs[job].lane = lane;
        jobs[job].due = kStart + Duration{++ms};
        scheduler.push_back(job);
        return job;
    }
};

TEST(Scheduler, GivesALaneToTheFirstOpenUpstreamAndBack) {
    Lanes world;
    const LaneIndex lane = world.scheduler.add_lane({1, 0, 2}, config::Priority::Normal);
    const JobIndex job = world.push(lane);
    EXPECT_EQ(world.scheduler.owner(lane), 1U);
    EXPECT_EQ(world.scheduler.next(1), job);
    EXPECT_FALSE(world.scheduler.next(0).has_value());
    world.scheduler.set_open(0, false, world.gained);
    EXPECT_TRUE(world.gained.empty());
    world.scheduler.set_open(1, false, world.gained);
    EXPECT_EQ(world.gained, std::vector<UpstreamIndex>{2});
    EXPECT_EQ(world.scheduler.ready(2), 1U);
    EXPECT_EQ(world.scheduler.ready(1), 0U);
    EXPECT_EQ(world.scheduler.waiting_for(1), 1U);
    EXPECT_EQ(world.scheduler.next(1), job) << "what it would be given";
    world.scheduler.set_open(2, false, world.gained);
    EXPECT_FALSE(world.scheduler.owner(lane).has_value());
    world.gained.clear();
    world.scheduler.set_open(1, true, world.gained);
    EXPECT_EQ(world.gained, std::vector<UpstreamIndex>{1});
    EXPECT_EQ(world.scheduler.owner(lane), 1U);
}

TEST(Scheduler, PrefersPriorityThenTheLongerWait) {
    Lanes world;
    const LaneIndex low = world.scheduler.add_lane({0}, config::Priority::Low);
    const LaneIndex high = world.scheduler.add_lane({0}, config::Priority::High);
    const LaneIndex normal = world.scheduler.add_lane({0}, config::Priority::Normal);
    const LaneIndex other = world.scheduler.add_lane({0, 1}, config::Priority::Normal);
    const JobIndex l = world.push(low);
    const JobIndex n1 = world.push(normal);
    const JobIndex o = world.push(other);
    const JobIndex n2 = world.push(normal);
    const JobIndex h = world.push(high);
    for (const JobIndex expected : {h, n1, o, n2, l}) {
        ASSERT_EQ(world.scheduler.next(0), expected);
        world.scheduler.remove(expected);
    }
    EXPECT_FALSE(world.scheduler.next(0).has_value());
    EXPECT_EQ(world.scheduler.ready(0), 0U);
}

TEST(Scheduler, TakesJobsOutOfTheMiddleAndPutsThemInFront) {
    Lanes world;
    const LaneIndex lane = world.scheduler.add_lane({0}, config::Priority::Normal);
    const JobIndex a = world.push(lane);
    const JobIndex b = world.push(lane);
    const JobIndex c = world.push(lane);
    world.scheduler.remove(b);
    world.scheduler.remove(c);
    world.scheduler.push_front(c);
    world.scheduler.push_back(b);
    for (const JobIndex expected : {c, a, b}) {
        ASSERT_EQ(world.scheduler.next(0), expected);
        world.scheduler.remove(expected);
    }
}

TEST(IdIndex, FindsWhatIsThereAmongManyErasures) {
    Slab<Message> messages;
    IdIndex index(messages);
    std::map<std::uint64_t, MessageIndex> naive;
    std::mt19937_64 random(3);
    for (int step = 0; step < 20'000; ++step) {
        const std::uint64_t id = 1 + random() % 3000 * (1ULL << 20U);
        const auto known = naive.find(id);
        ASSERT_EQ(index.find({id}), known == naive.end() ? kNone : known->second);
        if (known == naive.end()) {
            const MessageIndex message = messages.allocate();
            messages[message].id = {id};
            index.insert(message);
            naive.emplace(id, message);
        } else if (random() % 2 == 0) {
            index.erase({id});
            messages.release(known->second);
            naive.erase(known);
        }
        ASSERT_EQ(index.size(), naive.size());
    }
}

TEST(RecipientSets, LoseTheirFirstUntilOneIsLeft) {
    RecipientSets sets;
    std::uint32_t set = sets.put({3, 5, 9});
    EXPECT_EQ(sets.take_first(set, 2), (std::vector<std::uint16_t>{3, 5}));
    EXPECT_EQ(sets.size(set), 1U);
    EXPECT_EQ(sets.get(set), std::vector<std::uint16_t>{9});
    const std::uint32_t again = sets.put({1, 2});
    EXPECT_EQ(sets.get(again), (std::vector<std::uint16_t>{1, 2}));
    EXPECT_EQ(sets.get(set), std::vector<std::uint16_t>{9});
}

TEST(HotStore, KeepsWithinItsBudgetAndTheOldest) {
    HotStore store(10'000);
    auto big = std::make_shared<spool::Stored>();
    big->content.assign(8000, 'x');
    auto small = std::make_shared<spool::Stored>();
    small->content.assign(1000, 'x');
    std::uint32_t place = store.keep(big);
    EXPECT_EQ(store.get(place), big);
    EXPECT_EQ(store.keep(big), kNone);
    EXPECT_EQ(store.get(kNone), nullptr);
    std::uint32_t next = store.keep(small);
    EXPECT_EQ(next, kNone) << "its envelope does not fit any more";
    store.drop(place);
    EXPECT_EQ(place, kNone);
    EXPECT_EQ(store.used(), 0U);
    next = store.keep(small);
    EXPECT_EQ(store.get(next), small);
}

}  // namespace
}  // namespace posthouse::queue
