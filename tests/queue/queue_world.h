// QueueWorld: a Queue in virtual time with a journal and an observer that remember everything.
//
// FakeJournal gives every record a place at once and tells of it at once or when asked; it can refuse.
// recover_into() reads the records back as the spool's recovery does.
#pragma once

#include "daemon/queue/queue.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace posthouse::queue::test {

inline constexpr TimePoint kStart = from_unix_ms(1'700'000'000'000);

class FakeJournal : public Journal {
  public:
    struct Entry {
        spool::Record record;
        spool::Durability durability;
    };

    bool automatic = true;  // successes are told at once, to keep tests short; else by deliver()
    bool failing = false;   // every append from now on fails, told by deliver()

    void append(spool::Record record, spool::Durability durability, spool::AppendDone done) override;
    void carry(spool::Carried state, spool::Location from, spool::AppendDone done) override;

    // Puts an Accepted there, as the submission side does. Its place is `location`.
    spool::Location accept(const spool::StoredPtr& stored);
    void deliver();  // every completion that is due, in order
    [[nodiscard]] std::size_t undelivered() const { return pending_.size(); }

    // What a crash now leaves: all records so far, read back. Returns the messages that are not finished.
    std::size_t recover_into(Queue& queue, TimePoint now) const;

    [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
    template <class T>
    [[nodiscard]] std::vector<T> all() const {
        std::vector<T> found;
        for (const Entry& entry : entries_) {
            if (const T* record = std::get_if<T>(&entry.record)) found.push_back(*record);
        }
        return found;
    }

  private:
    spool::Location write(spool::Record record, spool::Durability durability);
    void complete(spool::Location place, spool::AppendDone done);

    std::vector<Entry> entries_;
    std::deque<std::pair<Result<spool::Location>, spool::AppendDone>> pending_;
};

class RecordingObserver : public Observer {
  public:
    void work_available(UpstreamIndex upstream, std::size_t ready) override {
        woken[upstream] = ready;
        ++calls;
    }
    void bounce_wanted(BounceRequest request) override { bounces.push_back(std::move(request)); }
    void on_event(const Event& event) override {
        if (keep_events) events.push_back(event);
    }

    [[nodiscard]] std::vector<Event> of(EventKind kind) const;
    [[nodiscard]] std::size_t alerts() const;

    std::map<UpstreamIndex, std::size_t> woken;  // since the last clear
    std::size_t calls = 0;
    std::vector<BounceRequest> bounces;
    std::vector<Event> events;
    bool keep_events = true;
};

struct Mail {
    std::string sender = "shop@example.org";
    std::vector<std::string> recipients = {"a@example.net"};
    std::string login{};
    std::uint64_t size = 1000;
    std::uint8_t notify = 0;
    bool is_bounce = false;
};

// Settings with upstreams "u0", "u1", ... and one route through all of them in order. No jitter.
[[nodiscard]] config::Settings settings_with(std::size_t upstreams);

class QueueWorld {
  public:
    explicit QueueWorld(config::Settings given, std::size_t hot_bytes = 1U << 20U);

    spool::MessageId submit(const Mail& mail = {});
    // take() that must give something whose attempt is recorded at once; fails the test otherwise.
    Assignment taken(UpstreamIndex upstream = 0);
    [[nodiscard]] std::optional<Assignment> try_take(UpstreamIndex upstream = 0);
    void settle(const Assignment& assignment, protocol::TransactionResult result) {
        queue->settle(assignment.ticket, result, now);
    }
    // Takes whatever `upstream` may take now and delivers it; how many recipients that were.
    std::size_t drain(UpstreamIndex upstream = 0);
    void pass(Duration time) {
        now += time;
        queue->tick(now);
    }
    // Ticks at every next_wake() up to `time` from now.
    void live_through(Duration time);
    void fail_connection(UpstreamIndex upstream = 0, bool login_refused = false);
    // Throws the queue away and makes one from what the journal holds.
    void restart();
    void restart_with(config::Settings changed);
    [[nodiscard]] View view(spool::MessageId id) const;

    std::shared_ptr<const config::Settings> settings;
    FakeJournal journal;
    RecordingObserver observer;
    std::unique_ptr<Queue> queue;
    TimePoint now = kStart;
    std::size_t hot_bytes;

  private:
    std::uint64_t next_id_ = 1000;
};

// Results of a transaction with `count` recipients.
[[nodiscard]] protocol::TransactionResult all_delivered(std::size_t count = 1);
[[nodiscard]] protocol::TransactionResult all_refused(protocol::Stage stage, std::uint16_t code,
                                                      std::size_t count = 1);
[[nodiscard]] protocol::TransactionResult all_untried(protocol::Stage stage, std::uint16_t code,
                                                      std::size_t count = 1);
[[nodiscard]] protocol::TransactionResult all_uncertain(std::size_t count = 1);

struct Charge {
    TimePoint at;
    std::uint64_t units;
};
// The greatest sum of charges (in order of time) in any closed window of this length.
[[nodiscard]] std::uint64_t greatest_sum(const std::vector<Charge>& charges, Duration window);

[[nodiscard]] config::Limit limit(std::uint64_t count, config::LimitUnit unit, Duration window);

}  // namespace posthouse::queue::test
