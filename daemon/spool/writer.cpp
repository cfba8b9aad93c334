#include "daemon/spool/writer.h"

#include "daemon/spool/frame.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

namespace posthouse::spool {
namespace {

constexpr std::uint64_t kMostGroup = 16U << 20U;
constexpr std::uint64_t kMostFrame = 512U << 20U;
constexpr Duration kReopenEvery{1000};
constexpr Duration kLookEvery{1000};
constexpr Duration kAskAgainAfter{60'000};

template <class... Cases>
struct Match : Cases... {
    using Cases::operator()...;
};
template <class... Cases>
Match(Cases...) -> Match<Cases...>;

}  // namespace

Writer::Writer(FileSystem& files, const Layout& layout, const Options& options, WriterStart start,
               SegmentReader& reader, Gauges& gauges, Counters& counters)
    : files_(files),
      layout_(layout),
      options_(options),
      reader_(reader),
      gauges_(gauges),
      counters_(counters),
      live_(std::move(start.live)),
      salt_(start.salt),
      next_sequence_(start.next_sequence),
      previous_(start.previous),
      previous_end_(start.previous_end) {}

Result<void> Writer::start(TimePoint now) {
    const bool opened = open_segment(now);
    look_for_chores();
    return opened ? Result<void>{} : std::unexpected(last_error_);
}

// --- segments
// -------------------------------------------------------------------------------------------------------

bool Writer::open_segment(TimePoint now) {
    SegmentHeader header;
    header.sequence = next_sequence_++;  // a number is used once, even if the file could not be made
    header.salt = salt_;
    header.created = now;
    header.previous = previous_;
    header.previous_end = previous_end_;
    header.last_id.value = gauges_.last_id.load(std::memory_order_relaxed);
    auto segment = SegmentWriter::create(files_, layout_, header);
    if (!segment) {
        last_error_ = segment.error();
        reopen_at_ = now + kReopenEvery;
        publish();
        return false;
    }
    segment_ = std::move(*segment);
    live_.segment_started(segment_->sequence());
    live_.segment_grown(segment_->sequence(), segment_->end());
    announced_ = false;
    // From here on nothing of a failed segment behind its last sync exists.
    if (!orphans_.empty()) {
        chores_.emplace_back(RemoveContents{std::exchange(orphans_, {})});
    }
    if (segment_started_) {
        announced_ = true;
        live_.segment_asked(segment_->sequence());
        segment_started_();
    }
    publish();
    return true;
}

// Is there a segment to write into, or can there be one?
bool Writer::ready(TimePoint now) {
    if (!segment_ && now >= reopen_at_ && open_segment(now)) {
        write_retained(now);
    }
    return segment_ != nullptr;
}

void Writer::on_segment_started(std::move_only_function<void()> callback) {
    segment_started_ = std::move(callback);
    if (segment_started_ && segment_ && !announced_) {
        announced_ = true;
        live_.segment_asked(segment_->sequence());
        segment_started_();
    }
}

void Writer::rotate(TimePoint now) {
    if (!unsynced_.empty() && !sync(now)) {
        return;
    }
    segment_->seal();
    previous_ = segment_->sequence();
    previous_end_ = static_cast<std::uint32_t>(segment_->end());
    live_.segment_sealed(previous_);
    segment_.reset();
    if (open_segment(now)) {
        write_retained(now);
    }
}

// A write failed: what was written before it is sound and is synced; only the group from `first` on fails.
void Writer::fail_group(std::size_t first, std::size_t first_undo, const Error& error, TimePoint now) {
    const auto begin = unsynced_.begin() + static_cast<std::ptrdiff_t>(first);
    std::vector<Unsynced> group(std::make_move_iterator(begin), std::make_move_iterator(unsynced_.end()));
    unsynced_.erase(begin, unsynced_.end());
    roll_back(first_undo);
    for (const auto& entry : group) {
        if (const auto* finished = std::get_if<NowFinished>(&entry.effect)) {
            finishing_.erase(finished->id);
        }
    }
    segment_->cut_back(segment_->end());
    if (unsynced_.empty() || sync(now)) {
        retire_segment(segment_->end(), error, now);
    }
    for (auto& entry : group) {
        give_back(entry, error);
    }
}

// A sync failed: whether anything since the last one is on the disk cannot be known any more.
void Writer::fail_segment(const Error& error, TimePoint now) {
    roll_back(0);
    finishing_.clear();
    auto unsynced = std::exchange(unsynced_, {});
    // Records whose Written was promised may be all that a kill -9 in the next moment leaves of them: they
    // stay in the page cache until the next segment has them.
    if (std::ranges::none_of(unsynced, [](const Unsynced& entry) { return entry.keep && !entry.done; })) {
        segment_->cut_back(segment_->synced());
    }
    retire_segment(segment_->synced(), error, now);
    for (auto& entry : unsynced) {
        give_back(entry, error);
    }
}

void Writer::retire_segment(std::uint64_t end, const Error& error, TimePoint now) {
    last_error_ = error;
    // A segment that worked until now earns an immediate successor; one that never did, a pause.
    reopen_at_ = segment_->synced() > kSegmentHeaderSize ? now : now + kReopenEvery;
    previous_ = segment_->sequence();
    previous_end_ = static_cast<std::uint32_t>(end);
    live_.segment_grown(previous_, end);
    live_.segment_sealed(previous_);
    segment_.reset();
    sync_due_.reset();
    publish();
}

void Writer::roll_back(std::size_t first_undo) {
    for (; undo_.size() > first_undo; undo_.pop_back()) {
        live_.set_newest(undo_.back().id, undo_.back().newest);
    }
}

void Writer::give_back(Unsynced& entry, const Error& error) {
    if (const auto* accepted = std::get_if<NowAccepted>(&entry.effect); accepted && accepted->external) {
        orphans_.push_back(accepted->id);
    }
    if (entry.done) {
        entry.done(std::unexpected(error));
    } else if (entry.keep) {
        retained_.push_back(std::move(*entry.keep));
    }
}

void Writer::write_retained(TimePoint now) {
    std::vector<Entry> entries;
    for (auto& record : std::exchange(retained_, {})) {
        Entry entry;
        entry.what = std::move(record);
        entry.durability = Durability::Relaxed;
        entries.push_back(std::move(entry));
    }
    for (std::size_t at = 0; at < entries.size();) {
        if (!segment_) {
            refuse(entries[at++], last_error_);
            continue;
        }
        at = write_group(entries, at, now);
    }
}

// --- groups
// ---------------------------------------------------------------------------------------------------------

void Writer::commit(std::vector<Entry>& entries, TimePoint now) {
    for (std::size_t at = 0; at < entries.size();) {
        if (!ready(now)) {
            refuse(entries[at++], last_error_);
            continue;
        }
        at = write_group(entries, at, now);
        if (segment_ && segment_->end() >= options_.segment_size) {
            rotate(now);
        }
    }
    entries.clear();
    look_wanted_ = true;
    look_after_space(now);
    look_for_chores();
}

// Nothing can be written now.
void Writer::refuse(Entry& entry, const Error& error) {
    if (const auto* stored = std::get_if<StoredPtr>(&entry.what); stored && (*stored)->accepted.external) {
        orphans_.push_back((*stored)->accepted.id);
    }
    if (entry.done) {
        entry.done(std::unexpected(error));
    } else if (auto* record = std::get_if<Record>(&entry.what)) {
        retained_.push_back(std::move(*record));
    }
}

std::size_t Writer::write_group(std::vector<Entry>& entries, std::size_t from, TimePoint now) {
    metas_.clear();
    frames_.clear();
    contents_.clear();
    group_bytes_ = 0;
    const std::size_t first = unsynced_.size();
    const std::size_t first_undo = undo_.size();
    bool sync_wanted = false;
    std::size_t at = from;
    while (at < entries.size() && (at == from || (group_bytes_ < kMostGroup &&
                                                  segment_->end() + group_bytes_ < options_.segment_size))) {
        Entry& entry = entries[at++];
        const std::size_t before = frames_.size();
        encode(entry);
        sync_wanted = sync_wanted || (frames_.size() > before && entry.durability == Durability::Synced);
    }
    // The contents are kept alive by `entries` and contents_.
    parts_.clear();
    std::size_t run = 0;  // of metas that follow each other without contents between
    for (std::size_t i = 0; i < frames_.size(); ++i) {
        const Frame& frame = frames_[i];
        if (!frame.content.empty() || i + 1 == frames_.size()) {
            parts_.push_back(std::string_view(metas_).substr(run, frame.meta_at + frame.meta_size - run));
            run = frame.meta_at + frame.meta_size;
            if (!frame.content.empty()) {
                parts_.push_back(frame.content);
            }
        }
    }
    if (frames_.empty()) {
        return at;
    }
    counters_.batches.fetch_add(1, std::memory_order_relaxed);
    if (auto written = segment_->append(parts_, group_bytes_); !written) {
        fail_group(first, first_undo, written.error(), now);
        return at;
    }
    counters_.records.fetch_add(frames_.size(), std::memory_order_relaxed);
    counters_.bytes.fetch_add(group_bytes_, std::memory_order_relaxed);
    live_.segment_grown(segment_->sequence(), segment_->end());
    for (std::size_t i = first; i < unsynced_.size(); ++i) {
        if (auto& entry = unsynced_[i]; entry.done_when_written && entry.done) {
            std::exchange(entry.done, {})(entry.location);
        }
    }
    if (sync_wanted) {
        static_cast<void>(sync(now));
    } else if (!sync_due_) {
        sync_due_ = now + options_.relaxed_sync;
    }
    return at;
}

Location Writer::next_location() const {
    return {segment_->sequence(), static_cast<std::uint32_t>(segment_->end() + group_bytes_)};
}

Location Writer::add_frame(RecordType type, std::size_t meta_at, std::string_view content) {
    const Location location = next_location();
    const std::string_view meta = std::string_view(metas_).substr(meta_at + kFrameHeaderSize);
    const std::size_t meta_size = kFrameHeaderSize + meta.size();
    encode_frame_header(metas_.data() + meta_at, type, meta, content,
                        static_cast<std::uint32_t>(segment_->synced()), segment_->seed().at(location.offset));
    frames_.push_back({meta_at, meta_size, content});
    group_bytes_ += meta_size + content.size();
    return location;
}

void Writer::encode(Entry& entry) {
    if (auto* stored = std::get_if<StoredPtr>(&entry.what)) {
        encode_accept(**stored, entry);
    } else if (auto* record = std::get_if<Record>(&entry.what)) {
        encode_record(*record, entry);
    } else {
        encode_carry(std::get<CarryRequest>(entry.what), entry);
    }
}

void Writer::encode_accept(const Stored& message, Entry& entry) {
    if (message.content.size() > kMostFrame) {
        if (entry.done) {
            entry.done(fail("a content of " + std::to_string(message.content.size()) +
                            " octets is too large for a segment: it needs a file of its own"));
        }
        return;
    }
    const std::size_t at = metas_.size();
    metas_.resize(at + kFrameHeaderSize);
    append_accepted(metas_, message.accepted);
    const std::uint64_t before = group_bytes_;
    Unsynced unsynced;
    unsynced.location = add_frame(RecordType::Accepted, at, message.content);
    unsynced.effect = NowAccepted{message.accepted.id, message.accepted.external, group_bytes_ - before,
                                  message.accepted.facts.size};
    unsynced.done = std::move(entry.done);
    unsynced_.push_back(std::move(unsynced));
}

// Makes `to` the newest record of a live message; returns the one before it.
Location Writer::chain(MessageId id, Location to) {
    const auto message = live_.find(id);
    if (!message) {
        return {};
    }
    undo_.push_back({id, message->newest});
    live_.set_newest(id, to);
    return message->newest;
}

void Writer::encode_record(Record& record, Entry& entry) {
    const Location location = next_location();
    Unsynced unsynced;
    unsynced.location = location;
    std::visit(Match{
                   [&](Attempt& attempt) {
                       attempt.previous = chain(attempt.id, location);
                       if (attempt.recipients > 0) {
                           unsynced.effect = NowKnown{attempt.upstream, false};
                       }
                   },
                   [&](Outcome& outcome) {
                       outcome.previous = chain(outcome.id, location);
                       if (outcome.finished) {
                           finishing_.insert(outcome.id);
                           unsynced.effect = NowFinished{outcome.id};
                       }
                   },
                   [&](UpstreamState& state) { unsynced.effect = NowKnown{state.upstream, true}; },
                   [](auto&) {},
               },
               record);
    const std::size_t at = metas_.size();
    metas_.resize(at + kFrameHeaderSize);
    append_record(metas_, record);
    add_frame(type_of(record), at, {});
    // A completion that fails gives the record back to its caller. Without one, or once it was called, the
    // record is ours until it is durable.
    unsynced.done = std::move(entry.done);
    unsynced.done_when_written = entry.durability != Durability::Synced;
    if (!unsynced.done || unsynced.done_when_written) {
        unsynced.keep = std::move(record);
    }
    unsynced_.push_back(std::move(unsynced));
}

void Writer::encode_carry(CarryRequest& request, Entry& entry) {
    const MessageId id = request.state.accepted.id;
    const auto message = live_.find(id);
    if (!message || finishing_.contains(id)) {
        if (entry.done) {
            entry.done(fail("message " + to_string(id) + " is finished: there is nothing to carry"));
        }
        return;
    }
    std::string_view content;
    if (!message->external) {
        auto frame = reader_.read(message->base, true);
        if (!frame) {
            if (entry.done) {
                entry.done(std::unexpected(frame.error()));
            }
            return;
        }
        contents_.push_back(std::move(frame->content));
        content = contents_.back();
    }
    request.state.accepted.external = message->external;
    const std::size_t at = metas_.size();
    metas_.resize(at + kFrameHeaderSize);
    append_record(metas_, Record(std::move(request.state)));
    const std::uint64_t before = group_bytes_;
    Unsynced unsynced;
    unsynced.location = add_frame(RecordType::Carried, at, content);
    unsynced.effect = NowCarried{id, group_bytes_ - before};
    unsynced.done = std::move(entry.done);
    static_cast<void>(chain(id, unsynced.location));
    unsynced_.push_back(std::move(unsynced));
}

// --- durable
// ---------------------------------------------------------------------------------------------------------

bool Writer::sync(TimePoint now) {
    counters_.syncs.fetch_add(1, std::memory_order_relaxed);
    if (auto synced = segment_->sync(); !synced) {
        fail_segment(synced.error(), now);
        return false;
    }
    sync_due_.reset();
    undo_.clear();
    finishing_.clear();
    auto unsynced = std::exchange(unsynced_, {});
    for (const auto& entry : unsynced) {
        take_effect(entry);
    }
    for (auto& entry : unsynced) {
        if (entry.done) {
            entry.done(entry.location);
        }
    }
    unsynced.clear();
    if (unsynced_.empty()) {
        unsynced_ = std::move(unsynced);  // keeps its memory
    }
    if (!finished_contents_.empty()) {
        chores_.emplace_back(RemoveContents{std::exchange(finished_contents_, {})});
    }
    return true;
}

void Writer::take_effect(const Unsynced& entry) {
    std::visit(Match{
                   [](std::monostate) {},
                   [&](const NowAccepted& now) {
                       live_.accepted(now.id, entry.location, now.external, now.frame_size);
                       if (now.external) {
                           gauges_.content_bytes.fetch_add(now.content_size, std::memory_order_relaxed);
                       }
                   },
                   [&](const NowCarried& now) { live_.carried(now.id, entry.location, now.frame_size); },
                   [&](const NowFinished& now) {
                       if (const auto message = live_.finished(now.id); message && message->external) {
                           finished_contents_.push_back(now.id);
                       }
                   },
                   [&](const NowKnown& now) {
                       live_.upstream_written(now.upstream, entry.location.segment, now.whole);
                   },
               },
               entry.effect);
}

// --- by the clock
// ----------------------------------------------------------------------------------------------------

void Writer::tick(TimePoint now) {
    if (ready(now) && sync_due_ && now >= *sync_due_) {
        static_cast<void>(sync(now));
    }
    look_after_space(now);
    look_for_chores();
}

std::optional<TimePoint> Writer::next_tick() const {
    std::optional<TimePoint> next = sync_due_;
    const auto also = [&next](TimePoint at) { next = next ? std::min(*next, at) : at; };
    if (!segment_) {
        also(reopen_at_);
    }
    if (look_wanted_ || space_.low || space_.failed) {
        also(next_look_);
    }
    return next;
}

void Writer::stop(TimePoint now) {
    if (!segment_ && !retained_.empty() && open_segment(now)) {
        write_retained(now);
    }
    if (segment_ && (unsynced_.empty() || sync(now))) {
        segment_->seal();
    }
}

void Writer::look_after_space(TimePoint now) {
    if (now >= next_look_) {
        next_look_ = now + kLookEvery;
        look_wanted_ = false;
        publish();
        // Old segments go as a row from the first one on: one message that waits for days would keep them
        // all. Those that lie in the oldest segment move to the newest.
        const std::uint64_t total = live_.total_bytes();
        const std::uint64_t live = live_.live_bytes();
        const bool wasteful = total > 2 * live + 4ULL * options_.segment_size ||
                              live_.segments() > 2 * (live / options_.segment_size) + 32;
        const auto oldest = live_.oldest_segment();
        if (wasteful && oldest && segment_ && *oldest != segment_->sequence() &&
            (*oldest != asked_segment_ || now >= ask_again_at_)) {
            asked_segment_ = *oldest;
            ask_again_at_ = now + kAskAgainAfter;
            chores_.emplace_back(AskToCarry{*oldest, live_.lying_in(*oldest)});
        }
    }
}

void Writer::look_for_chores() {
    if (auto removable = live_.take_removable(); !removable.empty()) {
        chores_.emplace_back(
            RemoveSegments{std::move(removable), live_.oldest_segment().value_or(next_sequence_)});
        look_wanted_ = true;
    }
}

void Writer::publish() {
    SpaceState state = space();
    if (const auto disk = files_.space(layout_.root)) {
        state.free_bytes = disk->free;
    }
    state.used_bytes = live_.total_bytes() + gauges_.content_bytes.load(std::memory_order_relaxed);
    state.failed = segment_ == nullptr;
    state.low = state.free_bytes < options_.min_free || state.used_bytes > options_.max_size;
    const std::lock_guard guard(space_mutex_);
    space_ = state;
}

SpaceState Writer::space() const {
    const std::lock_guard guard(space_mutex_);
    return space_;
}

}  // namespace posthouse::spool
