#include "tests/spool/rig.h"

#include "daemon/spool/spool.h"

namespace posthouse::spool::test {

Accepted make_accepted(std::uint64_t id, std::size_t recipients) {
    Accepted accepted;
    accepted.id.value = id;
    accepted.accepted_at = from_unix_ms(1'700'000'000'000 + static_cast<std::int64_t>(id));
    accepted.envelope.sender = "shop@example.org";
    for (std::size_t i = 0; i < recipients; ++i) {
        protocol::Recipient recipient;
        recipient.address = "customer" + std::to_string(i) + "@example.net";
        recipient.notify = static_cast<std::uint8_t>(i % 4);
        accepted.envelope.recipients.push_back(recipient);
    }
    accepted.facts.message_id = std::to_string(id) + "@example.org";
    accepted.client = "127.0.0.1";
    return accepted;
}

std::string make_content(std::uint64_t id, std::size_t size) {
    std::string content = "Subject: " + std::to_string(id) + "\r\n\r\n";
    while (content.size() + 2 < size) {
        content += static_cast<char>('a' + (content.size() * 7 + id) % 26);
    }
    return content + "\r\n";
}

StoredPtr make_message(std::uint64_t id, std::size_t content_size, std::size_t recipients) {
    auto stored = std::make_shared<Stored>();
    stored->accepted = make_accepted(id, recipients);
    stored->content = make_content(id, content_size);
    stored->accepted.facts.size = stored->content.size();
    return stored;
}

Attempt make_attempt(std::uint64_t id, std::uint32_t number, std::uint32_t charged) {
    Attempt attempt;
    attempt.id.value = id;
    attempt.at = from_unix_ms(1'700'000'100'000);
    attempt.upstream = "ses";
    attempt.number = number;
    attempt.next_due = from_unix_ms(1'700'000'200'000 + number);
    attempt.recipients = charged;
    return attempt;
}

Outcome make_outcome(std::uint64_t id, std::uint16_t recipient, RecipientState state, bool finished) {
    Outcome outcome;
    outcome.id.value = id;
    outcome.at = from_unix_ms(1'700'000'150'000);
    outcome.upstream = "ses";
    RecipientOutcome one;
    one.index = recipient;
    one.state = state;
    one.reply = protocol::Reply(state == RecipientState::Delivered ? 250 : 450, {4, 2, 0}, "as scripted");
    outcome.recipients.push_back(one);
    outcome.next_due = from_unix_ms(1'700'000'300'000);
    outcome.finished = finished;
    return outcome;
}

UpstreamState make_state(const std::string& upstream, std::uint32_t failures) {
    UpstreamState state;
    state.upstream = upstream;
    state.at = from_unix_ms(1'700'000'160'000);
    state.failures_in_row = failures;
    state.limits.push_back({3'600'000, 1, {{from_unix_ms(1'700'000'000'000), 17}}});
    return state;
}

Rig::Rig(FaultFs& fault_files, std::uint32_t segment_size) : files(fault_files), layout("/spool") {
    options.path = "/spool";
    options.segment_size = segment_size;
    options.min_free = 1U << 20U;
}

bool Rig::open() {
    if (auto prepared = prepare_directory(files, layout); !prepared) {
        error = prepared.error();
        return false;
    }
    auto held = files.lock(layout.lock, "the test");
    if (!held) {
        error = held.error();
        return false;
    }
    lock = std::move(*held);
    auto recovered = recover(files, layout, kSalt, found, report);
    if (!recovered) {
        error = recovered.error();
        lock.reset();
        return false;
    }
    gauges.last_id = recovered->last_id.value;
    gauges.content_bytes = recovered->content_bytes;
    reader = std::make_unique<SegmentReader>(files, layout, recovered->start.salt);
    cleaner = std::make_unique<Cleaner>(files, layout, recovered->start.salt, *reader, gauges);
    writer = std::make_unique<Writer>(files, layout, options, std::move(recovered->start), *reader, gauges,
                                      counters);
    if (auto started = writer->start(now); !started) {
        error = started.error();
        drop();
        return false;
    }
    cleaner->on_carry_wanted([this](MessageId id, Location at) { carry_wanted.emplace_back(id, at); });
    writer->on_segment_started([this] { ++segments_started; });
    return true;
}

void Rig::close() {
    commit();
    writer->stop(now);
    clean();
    drop();
}

void Rig::drop() {
    entries_.clear();
    writer.reset();
    cleaner.reset();
    reader.reset();
    lock.reset();
}

Done Rig::queue(std::variant<StoredPtr, Record, CarryRequest> what, Durability durability) {
    auto done = std::make_shared<std::optional<Result<Location>>>();
    Entry entry;
    entry.what = std::move(what);
    entry.durability = durability;
    // A completion that runs after the process died is seen by nobody.
    entry.done = [this, done](Result<Location> result) {
        if (!files.stopped()) {
            *done = std::move(result);
        }
    };
    entries_.push_back(std::move(entry));
    return done;
}

Done Rig::accept(StoredPtr message) {
    return queue(std::move(message), Durability::Synced);
}

Done Rig::append(Record record, Durability durability) {
    return queue(std::move(record), durability);
}

Done Rig::carry(Carried state) {
    return queue(CarryRequest{std::move(state)}, Durability::Relaxed);
}

void Rig::append_silently(Record record) {
    Entry entry;
    entry.what = std::move(record);
    entry.durability = Durability::Relaxed;
    entries_.push_back(std::move(entry));
}

void Rig::commit() {
    writer->commit(entries_, now);
    clean();
}

void Rig::clean() {
    cleaner->add(writer->take_chores());
    cleaner->step(now);
}

void Rig::tick(Duration later) {
    now += later;
    writer->tick(now);
    clean();
}

Result<StoredPtr> Rig::read(Location location) {
    auto frame = reader->read(location, true);
    if (!frame) {
        return std::unexpected(frame.error());
    }
    auto stored = std::make_shared<Stored>();
    if (auto* accepted = std::get_if<Accepted>(&frame->record)) {
        stored->accepted = *accepted;
    } else if (auto* carried = std::get_if<Carried>(&frame->record)) {
        stored->accepted = carried->accepted;
    }
    stored->content = std::move(frame->content);
    return stored;
}

void Rig::answer_carry_requests() {
    for (const auto& [id, at] : std::exchange(carry_wanted, {})) {
        Carried state;
        if (auto stored = read(at)) {
            state.accepted = (*stored)->accepted;
            state.recipients.resize(state.accepted.envelope.recipients.size());
            carry(std::move(state));
        }
    }
}

}  // namespace posthouse::spool::test
