// Writer: turns what callers hand over into groups: encode, one write, one fdatasync, then the completions.
// Opens and seals segments, survives failing disks, and knows what has become unnecessary.
//
// No thread and no clock of its own: writer_thread.h drives it, tests step it. `now` is the schedule's time.
//
// A failed write or sync is final for its segment. Everything that waits on it and has a completion fails;
// records without one (and those whose Written was already promised) are kept and written into the next
// segment. The next segment's header names the octet up to which the failed one counts: so a message whose
// accept() failed is gone for good as soon as anything else can be written.
//
// One owner.
#pragma once

#include "daemon/spool/file_system.h"
#include "daemon/spool/layout.h"
#include "daemon/spool/live_state.h"
#include "daemon/spool/record.h"
#include "daemon/spool/segment_reader.h"
#include "daemon/spool/segment_writer.h"
#include "daemon/spool/spool.h"
#include "protocol/time.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace posthouse::spool {

struct CarryRequest {
    Carried state;
};

// One call of accept(), append() or carry().
struct Entry {
    std::variant<StoredPtr, Record, CarryRequest> what;
    Durability durability = Durability::Synced;
    AppendDone done;
};

// Work for the cleaner, in the order in which it must be done.
struct RemoveSegments {
    std::vector<std::uint32_t> sequences;  // oldest first
    std::uint32_t first_kept = 0;          // for the manifest
};
struct RemoveContents {
    std::vector<MessageId> ids;
};
struct AskToCarry {
    std::uint32_t segment = 0;
    std::vector<LiveState::Lying> messages;
};
using Chore = std::variant<RemoveSegments, RemoveContents, AskToCarry>;

// What several threads count in.
struct Gauges {
    std::atomic<std::uint64_t> last_id{0};
    std::atomic<std::uint64_t> content_bytes{0};
};

// Where writing begins: what recovery found.
struct WriterStart {
    std::uint64_t salt = 0;
    std::uint32_t next_sequence = 1;
    std::uint32_t previous = 0;
    std::uint32_t previous_end = 0;
    LiveState live;
};

class Writer {
  public:
    Writer(FileSystem& files, const Layout& layout, const Options& options, WriterStart start,
           SegmentReader& reader, Gauges& gauges, Counters& counters);

    // Opens the first segment. After a failure the writer lives on and tries again by itself.
    [[nodiscard]] Result<void> start(TimePoint now);
    void commit(std::vector<Entry>& entries, TimePoint now);
    void tick(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> next_tick() const;
    // Writes and syncs what is left and gives back reserved space.
    void stop(TimePoint now);

    void on_segment_started(std::move_only_function<void()> callback);
    [[nodiscard]] std::vector<Chore> take_chores() { return std::exchange(chores_, {}); }
    [[nodiscard]] SpaceState space() const;  // any thread
    [[nodiscard]] const LiveState& live() const { return live_; }

  private:
    struct NowAccepted {
        MessageId id;
        bool external;
        std::uint64_t frame_size, content_size;
    };
    struct NowCarried {
        MessageId id;
        std::uint64_t frame_size;
    };
    struct NowFinished {
        MessageId id;
    };
    struct NowKnown {
        std::string upstream;
        bool whole;
    };
    using Effect = std::variant<std::monostate, NowAccepted, NowCarried, NowFinished, NowKnown>;

    // Written, not yet synced.
    struct Unsynced {
        Location location;
        Effect effect;  // takes place when it is durable
        AppendDone done;
        bool done_when_written = false;  // else when it is durable
        std::optional<Record> keep;      // written again if the segment fails
    };
    struct Frame {
        std::size_t meta_at = 0, meta_size = 0;  // in metas_, header included
        std::string_view content;
    };
    struct Undo {
        MessageId id;
        Location newest;
    };

    [[nodiscard]] std::size_t write_group(std::vector<Entry>& entries, std::size_t from, TimePoint now);
    void encode(Entry& entry);
    void encode_accept(const Stored& message, Entry& entry);
    void encode_record(Record& record, Entry& entry);
    void encode_carry(CarryRequest& request, Entry& entry);
    Location add_frame(RecordType type, std::size_t meta_at, std::string_view content);
    [[nodiscard]] Location chain(MessageId id, Location to);
    [[nodiscard]] Location next_location() const;

    [[nodiscard]] bool sync(TimePoint now);
    void take_effect(const Unsynced& entry);
    void fail_group(std::size_t first, std::size_t first_undo, const Error& error, TimePoint now);
    void fail_segment(const Error& error, TimePoint now);
    void retire_segment(std::uint64_t end, const Error& error, TimePoint now);
    void roll_back(std::size_t first_undo);
    void give_back(Unsynced& entry, const Error& error);
    void refuse(Entry& entry, const Error& error);
    [[nodiscard]] bool open_segment(TimePoint now);
    void rotate(TimePoint now);
    [[nodiscard]] bool ready(TimePoint now);
    void write_retained(TimePoint now);
    void look_after_space(TimePoint now);
    void look_for_chores();
    void publish();

    FileSystem& files_;
    const Layout& layout_;
    const Options& options_;
    SegmentReader& reader_;
    Gauges& gauges_;
    Counters& counters_;
    LiveState live_;

    std::uint64_t salt_;
    std::uint32_t next_sequence_;
    std::uint32_t previous_;
    std::uint32_t previous_end_;
    std::unique_ptr<SegmentWriter> segment_;  // null: none can be written now
    std::move_only_function<void()> segment_started_;
    bool announced_ = false;

    // The group being encoded.
    std::string metas_;
    std::vector<Frame> frames_;
    std::vector<std::string_view> parts_;
    std::deque<std::string> contents_;  // of carried messages
    std::uint64_t group_bytes_ = 0;

    std::vector<Unsynced> unsynced_;
    std::vector<Undo> undo_;                   // newest locations to restore if the segment fails
    std::unordered_set<MessageId> finishing_;  // finished, not yet durable
    std::vector<Record> retained_;             // to be written when a segment can be
    std::vector<MessageId> orphans_;           // contents of refused messages
    std::optional<TimePoint> sync_due_;

    Error last_error_;
    TimePoint reopen_at_{};
    TimePoint next_look_{};
    bool look_wanted_ = false;
    std::vector<MessageId> finished_contents_;
    std::uint32_t asked_segment_ = 0;
    TimePoint ask_again_at_{};
    std::vector<Chore> chores_;

    mutable std::mutex space_mutex_;
    SpaceState space_;  // under space_mutex_
};

}  // namespace posthouse::spool
