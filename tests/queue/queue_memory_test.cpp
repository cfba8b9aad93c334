// The fixed cost of a queued message (design.md, promise 8), measured at the allocator.
#include "daemon/queue/queue.h"
#include "tests/queue/queue_world.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <malloc.h>
#include <new>

namespace {

std::atomic<std::size_t> allocated{0};

void* counted(std::size_t size) {
    void* memory = std::malloc(size == 0 ? 1 : size);
    if (memory == nullptr) throw std::bad_alloc();
    allocated += malloc_usable_size(memory);
    return memory;
}

void uncounted(void* memory) {
    if (memory != nullptr) allocated -= malloc_usable_size(memory);
    std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) {
    return counted(size);
}
void* operator new[](std::size_t size) {
    return counted(size);
}
void operator delete(void* memory) noexcept {
    uncounted(memory);
}
void operator delete[](void* memory) noexcept {
    uncounted(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    uncounted(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    uncounted(memory);
}

namespace posthouse::queue::test {
namespace {

class ForgetfulJournal : public Journal {
  public:
    void append(spool::Record, spool::Durability, spool::AppendDone done) override {
        if (done) done(spool::Location{1, ++place_});
    }
    void carry(spool::Carried, spool::Location, spool::AppendDone) override {}

  private:
    std::uint32_t place_ = 0;
};

class DeafObserver : public Observer {
  public:
    void work_available(UpstreamIndex, std::size_t) override {}
    void bounce_wanted(BounceRequest) override {}
    void on_event(const Event&) override {}
};

TEST(QueueMemory, CostsAtMost120OctetsPerMessage) {
    constexpr std::size_t kMessages = 1'000'000;
    ForgetfulJournal journal;
    DeafObserver observer;
    Queue queue(std::make_shared<const config::Settings>(settings_with(2)), journal, observer, 1, 0);
    TimePoint now = kStart;
    const std::size_t before = allocated;
    for (std::size_t i = 0; i < kMessages; ++i) {
        auto stored = std::make_shared<spool::Stored>();
        stored->accepted.id = {(1ULL << 40U) + i};
        stored->accepted.accepted_at = now;
        stored->accepted.envelope.sender = "somebody.with.a.long.name@shop.example";
        stored->accepted.envelope.recipients.push_back({"somebody.else.with.a.name@example.net", 0, {}});
        stored->accepted.facts.size = 1024;
        queue.add(std::move(stored), spool::Location{1, static_cast<std::uint32_t>(i)}, now);
    }
    ASSERT_EQ(queue.size(), kMessages);
    const double ready = static_cast<double>(allocated - before) / kMessages;
    while (const auto assignment = queue.take(0, now, [](bool) {})) {
        queue.settle(assignment->ticket, all_refused(protocol::Stage::Rcpt, 451), now);
    }
    const double waiting = static_cast<double>(allocated - before) / kMessages;
    std::cout << "octets per message: ready " << ready << ", waiting " << waiting << '\n';
    EXPECT_LE(ready, 120.0);
    EXPECT_LE(waiting, 120.0);

    // All become due at once, and all expire at once: no growth, and no tick that does it all.
    now += std::chrono::minutes{1};
    queue.tick(now);
    EXPECT_LT(queue.upstreams(now)[0].ready, kMessages / 10);
    int ticks = 0;
    while (queue.next_wake() <= now && ++ticks < 1000)
        queue.tick(now);
    EXPECT_EQ(queue.upstreams(now)[0].ready, kMessages);
    EXPECT_LE(static_cast<double>(allocated - before) / kMessages, 120.0);
}

}  // namespace
}  // namespace posthouse::queue::test
