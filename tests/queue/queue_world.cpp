#include "tests/queue/queue_world.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace posthouse::queue::test {

using protocol::RecipientStatus;
using protocol::Stage;
using spool::RecipientState;

spool::Location FakeJournal::write(spool::Record record, spool::Durability durability) {
    entries_.push_back(Entry{std::move(record), durability});
    return spool::Location{1, static_cast<std::uint32_t>(entries_.size())};
}

void FakeJournal::complete(spool::Location place, spool::AppendDone done) {
    if (!done) return;
    Result<spool::Location> result = place;
    if (failing) result = fail("no space left on the device of the spool", 28);
    if (automatic && !failing) {
        done(std::move(result));
    } else {
        pending_.emplace_back(std::move(result), std::move(done));
    }
}

void FakeJournal::append(spool::Record record, spool::Durability durability, spool::AppendDone done) {
    complete(failing ? spool::Location{} : write(std::move(record), durability), std::move(done));
}

void FakeJournal::carry(spool::Carried state, spool::Location, spool::AppendDone done) {
    complete(failing ? spool::Location{} : write(std::move(state), spool::Durability::Written),
             std::move(done));
}

spool::Location FakeJournal::accept(const spool::StoredPtr& stored) {
    return write(stored->accepted, spool::Durability::Synced);
}

void FakeJournal::deliver() {
    while (!pending_.empty()) {
        auto [result, done] = std::move(pending_.front());
        pending_.pop_front();
        done(std::move(result));
    }
}

namespace {

struct Rebuilt {
    spool::Recovered message;
    bool finished = false;
};

struct Reader {
    std::map<std::uint64_t, Rebuilt> messages;
    Queue* queue = nullptr;
    spool::Location at;

    void operator()(const spool::Accepted& record) {
        Rebuilt& rebuilt = messages[record.id.value];
        rebuilt.message.accepted = record;
        rebuilt.message.location = rebuilt.message.newest = at;
        rebuilt.message.recipients.resize(record.envelope.recipients.size());
    }
    void operator()(const spool::Carried& record) {
        Rebuilt& rebuilt = messages[record.accepted.id.value];
        rebuilt.message.accepted = record.accepted;
        rebuilt.message.location = rebuilt.message.newest = at;
        rebuilt.message.recipients = record.recipients;
        rebuilt.message.attempts = record.attempts;
        rebuilt.message.next_due = record.next_due;
    }
    void operator()(const spool::Attempt& record) {
        if (record.recipients > 0) queue->recover_charge(record);
        Rebuilt& rebuilt = messages[record.id.value];
        rebuilt.message.newest = at;
        rebuilt.message.attempts = std::max(rebuilt.message.attempts, record.number);
        rebuilt.message.next_due = record.next_due;
    }
    void operator()(const spool::Outcome& record) {
        Rebuilt& rebuilt = messages[record.id.value];
        rebuilt.message.newest = at;
        rebuilt.finished = record.finished;
        rebuilt.message.next_due = record.next_due;
        for (const spool::RecipientOutcome& outcome : record.recipients) {
            rebuilt.message.recipients[outcome.index] = {outcome.state, outcome.reply};
        }
    }
    void operator()(const spool::UpstreamState& record) { queue->recover_upstream(record); }
    void operator()(const spool::Stopped&) {}
};

}  // namespace

std::size_t FakeJournal::recover_into(Queue& queue, TimePoint now) const {
    Reader reader;
    reader.queue = &queue;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        reader.at = spool::Location{1, static_cast<std::uint32_t>(i + 1)};
        std::visit(reader, entries_[i].record);
    }
    std::size_t live = 0;
    for (auto& [id, rebuilt] : reader.messages) {
        if (rebuilt.finished) continue;
        ++live;
        queue.recover_message(std::move(rebuilt.message), now);
    }
    return live;
}

std::vector<Event> RecordingObserver::of(EventKind kind) const {
    std::vector<Event> found;
    std::ranges::copy_if(events, std::back_inserter(found), [&](const Event& e) { return e.kind == kind; });
    return found;
}

std::size_t RecordingObserver::alerts() const {
    return static_cast<std::size_t>(std::ranges::count_if(events, &Event::alert));
}

config::Settings settings_with(std::size_t upstreams) {
    using namespace std::chrono_literals;
    config::Settings settings;
    config::Route route;
    for (std::size_t i = 0; i < upstreams; ++i) {
        config::Upstream& upstream = settings.upstreams.emplace_back();
        upstream.name = "u" + std::to_string(i);
        upstream.recovery = {30s, 1min, 5min};
        route.via.push_back(i);
    }
    settings.routes.push_back(route);
    settings.retry.schedule = {1min, 2min, 5min};
    settings.retry.jitter = 0;
    return settings;
}

QueueWorld::QueueWorld(config::Settings given, std::size_t hot)
    : settings(std::make_shared<const config::Settings>(std::move(given))), hot_bytes(hot) {
    queue = std::make_unique<Queue>(settings, journal, observer, 1, hot_bytes);
}

spool::MessageId QueueWorld::submit(const Mail& mail) {
    auto stored = std::make_shared<spool::Stored>();
    stored->accepted.id = {next_id_++};
    stored->accepted.accepted_at = now;
    stored->accepted.envelope.sender = mail.sender;
    for (const std::string& address : mail.recipients) {
        stored->accepted.envelope.recipients.push_back({address, mail.notify, {}});
    }
    stored->accepted.login = mail.login;
    stored->accepted.facts.size = mail.size;
    stored->accepted.is_bounce = mail.is_bounce;
    stored->content = "Subject: x\r\n\r\n";
    const spool::Location place = journal.accept(stored);
    queue->add(stored, place, now);
    return stored->accepted.id;
}

std::optional<Assignment> QueueWorld::try_take(UpstreamIndex upstream) {
    return queue->take(upstream, now, [](bool) {});
}

Assignment QueueWorld::taken(UpstreamIndex upstream) {
    int told = 0;
    bool good = false;
    auto assignment = queue->take(upstream, now, [&](bool recorded) {
        ++told;
        good = recorded;
    });
    EXPECT_TRUE(assignment.has_value()) << "nothing to take";
    EXPECT_EQ(told, 1);
    EXPECT_TRUE(good);
    return assignment.value_or(Assignment{});
}

std::size_t QueueWorld::drain(UpstreamIndex upstream) {
    std::size_t recipients = 0;
    while (const auto assignment = try_take(upstream)) {
        recipients += assignment->recipients.size();
        settle(*assignment, all_delivered(assignment->recipients.size()));
    }
    return recipients;
}

void QueueWorld::live_through(Duration time) {
    const TimePoint end = now + time;
    for (int steps = 0; steps < 1'000'000; ++steps) {
        const auto wake = queue->next_wake();
        if (!wake || *wake > end) break;
        now = std::max(now, *wake);
        queue->tick(now);
    }
    now = end;
    queue->tick(now);
}

void QueueWorld::fail_connection(UpstreamIndex upstream, bool login_refused) {
    ConnectionFailure failure;
    failure.stage = login_refused ? Stage::Auth : Stage::Connect;
    failure.reason = login_refused ? "the login was refused" : "connection refused";
    failure.login_refused = login_refused;
    queue->connection_failed(upstream, failure, now);
}

void QueueWorld::restart() {
    restart_with(*settings);
}

void QueueWorld::restart_with(config::Settings changed) {
    settings = std::make_shared<const config::Settings>(std::move(changed));
    queue = std::make_unique<Queue>(settings, journal, observer, 2, hot_bytes);
    observer.woken.clear();
    journal.recover_into(*queue, now);
    queue->tick(now);
}

View QueueWorld::view(spool::MessageId id) const {
    const auto found = queue->find(id, now);
    EXPECT_TRUE(found.has_value());
    return found.value_or(View{});
}

namespace {

protocol::TransactionResult result_of(std::size_t count, RecipientStatus status, Stage stage,
                                      const protocol::Reply& reply) {
    protocol::TransactionResult result;
    result.recipients.assign(count, protocol::RecipientResult{status, stage, reply});
    result.final_reply = reply;
    result.connection_usable = reply.code != 0 && reply.code != 421;
    return result;
}

}  // namespace

protocol::TransactionResult all_delivered(std::size_t count) {
    return result_of(count, RecipientStatus::Delivered, Stage::Content, protocol::Reply(250, "queued as 1"));
}

protocol::TransactionResult all_refused(Stage stage, std::uint16_t code, std::size_t count) {
    return result_of(count, RecipientStatus::Refused, stage, protocol::Reply(code, "no"));
}

protocol::TransactionResult all_untried(Stage stage, std::uint16_t code, std::size_t count) {
    return result_of(count, RecipientStatus::NotTried, stage,
                     code == 0 ? protocol::Reply() : protocol::Reply(code, "closing"));
}

protocol::TransactionResult all_uncertain(std::size_t count) {
    return result_of(count, RecipientStatus::Uncertain, Stage::Content, protocol::Reply());
}

std::uint64_t greatest_sum(const std::vector<Charge>& charges, Duration window) {
    // The fullest window can be moved until it ends at a charge.
    std::uint64_t greatest = 0;
    std::uint64_t sum = 0;
    std::size_t first = 0;
    for (const Charge& last : charges) {
        sum += last.units;
        while (charges[first].at < last.at - window)
            sum -= charges[first++].units;
        greatest = std::max(greatest, sum);
    }
    return greatest;
}

config::Limit limit(std::uint64_t count, config::LimitUnit unit, Duration window) {
    config::Limit made;
    made.count = count;
    made.unit = unit;
    made.window = window;
    return made;
}

}  // namespace posthouse::queue::test
