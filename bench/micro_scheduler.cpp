// What the queue costs per message: choosing the next one out of a million, and the whole way of one through
// it.
//
//   BM_Take          take() alone, 1,000,000 messages queued over 50 upstreams and 200 senders
//   BM_TakePaused    the same while every other upstream is paused
//   BM_AddTakeSettle the fast path of one message that is delivered at once, with an empty queue
#include "daemon/queue/queue.h"

#include <benchmark/benchmark.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace posthouse;
using namespace std::chrono_literals;

constexpr std::size_t kUpstreams = 50;
constexpr std::size_t kSenders = 200;
constexpr std::size_t kMessages = 1'000'000;
constexpr TimePoint kNow = from_unix_ms(1'700'000'000'000);

class NoJournal : public queue::Journal {
  public:
    void append(spool::Record, spool::Durability, spool::AppendDone done) override {
        if (done) done(spool::Location{1, ++place_});
    }
    void carry(spool::Carried, spool::Location, spool::AppendDone) override {}

  private:
    std::uint32_t place_ = 0;
};

class NoObserver : public queue::Observer {
  public:
    void work_available(queue::UpstreamIndex, std::size_t) override {}
    void bounce_wanted(queue::BounceRequest) override {}
    void on_event(const queue::Event&) override {}
};

// Each sender has a route of its own through three of the upstreams.
std::shared_ptr<const config::Settings> settings() {
    auto made = std::make_shared<config::Settings>();
    for (std::size_t i = 0; i < kUpstreams; ++i) {
        config::Upstream& upstream = made->upstreams.emplace_back();
        upstream.name = "upstream" + std::to_string(i);
        upstream.recovery = {30s};
    }
    for (std::size_t i = 0; i < kSenders; ++i) {
        config::Route& route = made->routes.emplace_back();
        route.match.sender = "sender" + std::to_string(i) + "@shop.example";
        route.priority = static_cast<config::Priority>(i % 3);
        route.via = {i % kUpstreams, (i + 7) % kUpstreams, (i + 23) % kUpstreams};
    }
    made->routes.emplace_back().via = {0};
    made->retry.schedule = {1min};
    return made;
}

spool::StoredPtr message(std::size_t number) {
    auto stored = std::make_shared<spool::Stored>();
    stored->accepted.id = {(1ULL << 40U) + number};
    stored->accepted.accepted_at = kNow;
    stored->accepted.envelope.sender = "sender" + std::to_string(number * 7919 % kSenders) + "@shop.example";
    stored->accepted.envelope.recipients.push_back({"somebody@example.net", 0, {}});
    stored->accepted.facts.size = 1024;
    return stored;
}

struct World {
    NoJournal journal;
    NoObserver observer;
    queue::Queue queue{settings(), journal, observer, 1, 0};
};

protocol::TransactionResult delivered() {
    protocol::TransactionResult result;
    protocol::RecipientResult& recipient = result.recipients.emplace_back();
    recipient.status = protocol::RecipientStatus::Delivered;
    recipient.stage = protocol::Stage::Content;
    recipient.reply = protocol::Reply(250, "2.0.0 Ok: queued as 4F1A2B3C");
    result.connection_usable = true;
    return result;
}

void take_from(benchmark::State& state, std::size_t paused_every) {
    World world;
    std::size_t number = 0;
    while (number < kMessages)
        world.queue.add(message(number++), spool::Location{1, 1}, kNow);
    for (std::size_t i = 0; paused_every > 0 && i < kUpstreams; i += paused_every) {
        queue::ConnectionFailure failure;
        world.queue.connection_failed(static_cast<queue::UpstreamIndex>(i), failure, kNow);
    }
    queue::UpstreamIndex upstream = 0;
    std::vector<std::uint64_t> tickets;
    const auto back = [&] {  // by another way than they came, so that order and places are mixed
        for (const std::uint64_t ticket : tickets)
            world.queue.give_back(ticket, {}, std::nullopt, kNow);
        tickets.clear();
    };
    std::size_t taken = 0;
    for ([[maybe_unused]] auto _ : state) {
        const auto assignment = world.queue.take(upstream, kNow, [](bool) {});
        if (assignment) {
            tickets.push_back(assignment->ticket);
            ++taken;
        }
        upstream = static_cast<queue::UpstreamIndex>((upstream + 1) % kUpstreams);
        if (tickets.size() == 500'000) {
            state.PauseTiming();
            back();
            state.ResumeTiming();
        }
    }
    state.counters["taken"] =
        benchmark::Counter(static_cast<double>(taken) / static_cast<double>(state.iterations()));
}

void BM_Take(benchmark::State& state) {
    take_from(state, 0);
}
BENCHMARK(BM_Take)->Iterations(400'000);

void BM_TakePaused(benchmark::State& state) {
    take_from(state, 2);
}
BENCHMARK(BM_TakePaused)->Iterations(400'000);

void BM_AddTakeSettle(benchmark::State& state) {
    World world;
    const protocol::TransactionResult result = delivered();
    std::size_t number = 0;
    for ([[maybe_unused]] auto _ : state) {
        world.queue.add(message(number * kSenders), spool::Location{1, 1}, kNow);
        ++number;
        const auto assignment = world.queue.take(0, kNow, [](bool) {});
        world.queue.settle(assignment->ticket, result, kNow);
    }
}
BENCHMARK(BM_AddTakeSettle);

}  // namespace
