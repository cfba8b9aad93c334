// Rig: a spool without threads and clock on a FaultFs: recovery, writer and cleaner, stepped by the test.
#pragma once

#include "daemon/spool/cleaner.h"
#include "daemon/spool/layout.h"
#include "daemon/spool/recovery.h"
#include "daemon/spool/segment_reader.h"
#include "daemon/spool/writer.h"
#include "tests/support/fault_file_system.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace posthouse::spool::test {

using posthouse::test::Fault;
using posthouse::test::FaultFs;
using posthouse::test::PowerCut;

inline constexpr std::uint64_t kSalt = 0x0123456789ABCDEFULL;

[[nodiscard]] Accepted make_accepted(std::uint64_t id, std::size_t recipients = 1);
[[nodiscard]] std::string make_content(std::uint64_t id, std::size_t size);
[[nodiscard]] StoredPtr make_message(std::uint64_t id, std::size_t content_size, std::size_t recipients = 1);
[[nodiscard]] Attempt make_attempt(std::uint64_t id, std::uint32_t number, std::uint32_t charged = 0);
[[nodiscard]] Outcome make_outcome(std::uint64_t id, std::uint16_t recipient, RecipientState state,
                                   bool finished = false);
[[nodiscard]] UpstreamState make_state(const std::string& upstream, std::uint32_t failures);

// What recovery told.
struct Found final : RecoveryVisitor {
    std::vector<Attempt> charges;
    std::vector<UpstreamState> states;
    std::map<std::uint64_t, Recovered> messages;

    void on_charge(const Attempt& attempt) override { charges.push_back(attempt); }
    void on_upstream_state(UpstreamState&& state) override { states.push_back(std::move(state)); }
    void on_message(Recovered&& message) override {
        const std::uint64_t id = message.accepted.id.value;
        messages[id] = std::move(message);
    }
};

// The result of one completion: nothing until it was called.
using Done = std::shared_ptr<std::optional<Result<Location>>>;

class Rig {
  public:
    explicit Rig(FaultFs& files, std::uint32_t segment_size = 64U << 10U);

    // As Spool::open: false if it fails (the error is kept).
    bool open();
    // Writes what is left and seals; then gone.
    void close();
    // Without: as a crash does.
    void drop();

    Done accept(StoredPtr message);
    Done append(Record record, Durability durability);
    Done carry(Carried state);
    void append_silently(Record record);  // Relaxed, no completion
    void commit();                        // everything queued, as one group
    void tick(Duration later);            // time passes; the cleaner works too
    void clean();

    [[nodiscard]] Result<StoredPtr> read(Location location);
    // The owner of the queue answers by carrying what is asked for.
    void answer_carry_requests();

    FaultFs& files;
    Options options;
    Layout layout;
    Gauges gauges;
    Counters counters;
    Found found;
    RecoveryReport report;
    Error error;
    TimePoint now = from_unix_ms(1'700'000'000'000);
    std::unique_ptr<DirectoryLock> lock;
    std::unique_ptr<SegmentReader> reader;
    std::unique_ptr<Writer> writer;
    std::unique_ptr<Cleaner> cleaner;
    std::vector<std::pair<MessageId, Location>> carry_wanted;
    int segments_started = 0;

  private:
    Done queue(std::variant<StoredPtr, Record, CarryRequest> what, Durability durability);
    std::vector<Entry> entries_;
};

}  // namespace posthouse::spool::test
