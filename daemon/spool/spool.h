// Spool: the durable store. Append-only segment files, one writer thread with group commit, contents above
// `inline_limit` in files of their own, recovery at start, removal and compaction in the background.
//
// Promise 1 stands here: accept() completes with success only when the record and its content survive power
// loss. docs/spool-format.md has the byte layout and the crash argument.
//
// Threads: open() and the destructor belong to one thread. Everything else may be called from any thread and
// never blocks on the disk, except the functions that say so. Completions run on the writer thread and must
// be short: post to your own loop.
#pragma once

#include "daemon/spool/file_system.h"
#include "daemon/spool/record.h"
#include "protocol/result.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace posthouse::spool {

// What was accepted, shared by the session, the writer, the queue and the upstream connection; immutable.
// `content` is empty when accepted.external.
struct Stored {
    Accepted accepted;
    std::string content;
};
using StoredPtr = std::shared_ptr<const Stored>;

// A live message found by recovery.
struct Recovered {
    Accepted accepted;
    Location location;                          // of Accepted or Carried
    Location newest;                            // newest record of the message
    std::vector<RecipientStanding> recipients;  // one per recipient
    std::uint32_t attempts = 0;
    TimePoint next_due{};
};

// Called during open(), on the calling thread, in order of age.
class RecoveryVisitor {
  public:
    virtual ~RecoveryVisitor() = default;
    // `attempt` charges of limited upstreams, in order, interleaved with upstream states as they were
    // written.
    virtual void on_charge(const Attempt& attempt) = 0;
    virtual void on_upstream_state(UpstreamState&& state) = 0;
    virtual void on_message(Recovered&& message) = 0;  // after all records were read
};

struct Damage {
    std::string file;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;  // octets that could not be used
    std::string reason;
};

struct RecoveryReport {
    std::uint64_t records = 0, live = 0, finished = 0, bytes = 0;
    bool clean_stop = false;      // the last record was Stopped
    std::uint64_t torn_tail = 0;  // octets cut from the end of the newest segment: a normal crash
    std::vector<Damage> damage;   // set aside under <spool>/damaged/, never silently skipped
    TimePoint newest{};           // greatest time seen in any record
};

enum class Durability : std::uint8_t {
    Relaxed,  // written soon, synced with the next group or within `relaxed_sync`
    Written,  // completes when write() has returned: survives kill -9
    Synced,   // completes when fdatasync() has returned: survives power loss
};

using AppendDone = std::move_only_function<void(Result<Location>)>;

class ContentWriter;  // content_file.h: streams a large content into a file of its own
class ContentReader;

struct SpaceState {
    bool low = false;     // free < min_free or used > max_size: answer 452 4.3.1
    bool failed = false;  // the last write or sync failed; nothing is acknowledged
    std::uint64_t free_bytes = 0, used_bytes = 0;
};

struct Counters {  // monotonic since open()
    std::atomic<std::uint64_t> syncs{0}, batches{0}, records{0}, bytes{0};
};

struct Options {
    std::string path;
    std::uint64_t min_free = 512ULL << 20U;
    std::uint64_t max_size = 20ULL << 30U;
    std::uint32_t segment_size = 64U << 20U;
    std::uint32_t inline_limit = 256U << 10U;        // contents up to this size stay in the segment
    Duration gather = std::chrono::milliseconds{5};  // longest wait for company in a group commit
    Duration relaxed_sync = std::chrono::milliseconds{20};
};

class Spool {
  public:
    // Creates the directory if missing, takes the lock (a second start is told who holds it: pid and host),
    // reads every segment, repairs a torn tail, sets damage aside, removes contents that no live message
    // names. Blocks; one million messages of 1 KiB take seconds.
    static Result<std::unique_ptr<Spool>> open(FileSystem& files, Options options, RecoveryVisitor& visitor,
                                               RecoveryReport& report);
    virtual ~Spool();  // writes and syncs everything, joins the writer thread

    [[nodiscard]] MessageId next_id(TimePoint now);

    // Makes the message durable. On failure nothing of it will ever be relayed.
    void accept(StoredPtr message, AppendDone done);
    // `record` must be Attempt, Outcome, UpstreamState or Stopped. Records of one caller keep their order.
    void append(Record record, Durability durability, AppendDone done = {});

    // Sessions announce how many transactions may soon commit: the writer then knows whether waiting pays.
    void transaction_opened() { open_transactions_.fetch_add(1, std::memory_order_relaxed); }
    void transaction_closed() { open_transactions_.fetch_sub(1, std::memory_order_relaxed); }

    // Large contents. Blocking; call them on a disk thread.
    Result<std::unique_ptr<ContentWriter>> create_content(MessageId id);

    // Reading. `read_now` uses only what is in the page cache: nothing when it would block (then call the
    // blocking form on a disk thread). Both verify the record's checksum.
    std::optional<Result<StoredPtr>> read_message_now(Location location);
    Result<StoredPtr> read_message(Location location);  // Accepted or Carried, with inline content
    Result<std::unique_ptr<ContentReader>> open_content(MessageId id);
    Result<std::vector<Record>> read_chain(Location newest);  // newest first, ends with Accepted or Carried

    // The queue answers this when a segment starts (writer thread: post to the queue's owner): append the
    // UpstreamState of every upstream. Until they are durable, older segments stay.
    void on_segment_started(std::move_only_function<void()> callback);
    // The cleaner asks the queue's owner to rewrite a live message: (id, location of its Accepted). The owner
    // answers with carry() or, if it is finished meanwhile, with nothing.
    void on_carry_wanted(std::move_only_function<void(MessageId, Location)> callback);
    void carry(Carried state, Location from, AppendDone done);

    [[nodiscard]] SpaceState space() const;
    [[nodiscard]] const Counters& counters() const;

  protected:
    Spool() = default;
    std::atomic<std::int64_t> open_transactions_{0};

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace posthouse::spool
