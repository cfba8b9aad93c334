#include "daemon/spool/recovery.h"

#include "daemon/spool/bytes.h"
#include "daemon/spool/content_file.h"
#include "daemon/spool/manifest.h"
#include "daemon/spool/salvage.h"
#include "daemon/spool/segment_catalog.h"
#include "daemon/spool/segment_reader.h"
#include "daemon/spool/segment_scanner.h"
#include "daemon/spool/standing.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

namespace posthouse::spool {
namespace {

class Recovery {
  public:
    Recovery(FileSystem& files, const Layout& layout, RecoveryVisitor& visitor, RecoveryReport& report)
        : files_(files),
          layout_(layout),
          visitor_(visitor),
          report_(report),
          salvage_(files, layout, report) {}

    Result<RecoveryResult> run(std::uint64_t fresh_salt);

  private:
    Result<void> tidy();
    Result<void> read_segment(const FoundSegment& segment, bool newest);
    void set_gaps_aside(const FoundSegment& segment, const std::vector<ScanStep>& gaps,
                        std::uint64_t known_durable);
    void end_segment(const FoundSegment& segment, bool newest, const ScanStep& end, bool unreadable);
    void apply(const ScanStep& frame, Location at, const FoundSegment& segment);
    void apply_message(RecordType type, const ScanStep& frame, Location at);
    void see(MessageId id) { last_id_ = std::max(last_id_, id); }
    void see(TimePoint at) { report_.newest = std::max(report_.newest, at); }
    Result<void> check_contents();
    Result<void> hand_over();
    void give_up(MessageId id, Location at, const std::string& reason);

    FileSystem& files_;
    const Layout& layout_;
    RecoveryVisitor& visitor_;
    RecoveryReport& report_;
    Salvage salvage_;
    SegmentCatalog catalog_;
    LiveState live_;
    Standings standings_;
    MessageId last_id_;
    std::uint64_t content_bytes_ = 0;
    std::uint64_t newest_end_ = 0;  // of the newest segment, once durable; 0: not known
};

Result<RecoveryResult> Recovery::run(std::uint64_t fresh_salt) {
    auto catalog = read_catalog(files_, layout_, fresh_salt);
    if (!catalog) {
        return std::unexpected(catalog.error());
    }
    catalog_ = std::move(*catalog);
    if (auto tidied = tidy(); !tidied) {
        return std::unexpected(tidied.error());
    }
    for (const auto& segment : catalog_.segments) {
        if (auto read = read_segment(segment, &segment == &catalog_.segments.back()); !read) {
            return std::unexpected(read.error());
        }
    }
    if (auto checked = check_contents(); !checked) {
        return std::unexpected(checked.error());
    }
    if (auto handed = hand_over(); !handed) {
        return std::unexpected(handed.error());
    }
    RecoveryResult result;
    result.start.salt = catalog_.salt;
    result.start.next_sequence = catalog_.greatest + 1;
    if (!catalog_.segments.empty()) {
        result.start.previous = catalog_.segments.back().sequence;
        result.start.previous_end = static_cast<std::uint32_t>(newest_end_);
    }
    report_.live = live_.live();
    result.start.live = std::move(live_);
    result.last_id = last_id_;
    result.content_bytes = content_bytes_;
    return result;
}

// Everything but the segments that count.
Result<void> Recovery::tidy() {
    if (!catalog_.manifest_fault.empty()) {
        if (const auto status = files_.status(layout_.manifest); status && *status) {
            salvage_.move(layout_.root, "manifest", catalog_.manifest_fault);
        } else {
            salvage_.report("manifest", 0, 0, catalog_.manifest_fault);
        }
    }
    if (!catalog_.manifest) {
        Manifest manifest;
        manifest.first =
            catalog_.segments.empty() ? catalog_.greatest + 1 : catalog_.segments.front().sequence;
        manifest.salt = catalog_.salt;
        if (auto written = write_manifest(files_, layout_, manifest); !written) {
            return written;
        }
    }
    for (const std::uint32_t sequence : catalog_.outdated) {
        static_cast<void>(files_.remove(layout_.segment(sequence)));  // tried again at the next start
    }
    for (const auto& name : catalog_.unborn) {
        static_cast<void>(files_.remove(layout_.segments + "/" + name));
    }
    for (const auto& misplaced : catalog_.misplaced) {
        salvage_.move(layout_.segments, misplaced.name, misplaced.reason);
    }
    for (const std::uint32_t sequence : catalog_.missing) {
        salvage_.report(segment_name(sequence), 0, 0, "the segment is missing: what was in it is lost");
    }
    return {};
}

Result<void> Recovery::read_segment(const FoundSegment& segment, bool newest) {
    live_.segment_started(segment.sequence);
    live_.segment_grown(segment.sequence, segment.limit());
    if (!segment.header) {
        salvage_.copy(*segment.file, segment_name(segment.sequence), 0,
                      std::min<std::uint64_t>(segment.size, kSegmentHeaderSize), segment.reason);
    } else {
        see(segment.header->last_id);
        see(segment.header->created);
    }
    SegmentScanner scanner(*segment.file, FrameSeed(catalog_.salt, segment.sequence), segment.limit());
    std::vector<ScanStep> gaps;
    while (true) {
        const ScanStep step = scanner.next();
        if (step.kind == ScanStep::Kind::Frame) {
            apply(step, {segment.sequence, step.offset}, segment);
        } else if (step.kind == ScanStep::Kind::Gap) {
            gaps.push_back(step);
        } else {
            set_gaps_aside(segment, gaps, newest ? scanner.known_synced() : segment.limit());
            end_segment(segment, newest, step, scanner.unreadable() > 0);
            live_.segment_sealed(segment.sequence);
            return {};
        }
    }
}

// Octets between records that cannot be read. What is not known to have been durable may be the work of a
// power cut, which keeps some of the last writes and drops others; nobody can tell, so it is reported like
// damage.
void Recovery::set_gaps_aside(const FoundSegment& segment, const std::vector<ScanStep>& gaps,
                              std::uint64_t known_durable) {
    for (const auto& gap : gaps) {
        std::string reason = gap.reason;
        if (gap.offset >= known_durable) {
            reason += " (among the last writes before the end: perhaps never acknowledged)";
        }
        salvage_.copy(*segment.file, segment_name(segment.sequence), gap.offset, gap.length,
                      std::move(reason));
    }
}

void Recovery::end_segment(const FoundSegment& segment, bool newest, const ScanStep& end, bool unreadable) {
    const std::string name = segment_name(segment.sequence);
    if (unreadable) {
        salvage_.report(name, 0, 0, "the disk could not read parts of it; check the kernel's log");
    }
    if (!newest) {
        // Sealed: it was durable up to the end that its successor names.
        const std::uint64_t sealed_end = std::max<std::uint64_t>(segment.end.value_or(0), end.offset);
        const std::uint64_t lost = std::max(sealed_end - end.offset, end.length);
        if (lost > 0) {
            const std::uint64_t there = segment.size - std::min<std::uint64_t>(end.offset, segment.size);
            salvage_.copy(*segment.file, name, end.offset, std::min(lost, there),
                          "the last " + std::to_string(lost) + " octets of the segment are lost: " +
                              (end.reason.empty() ? "the file is too short or zeroed" : end.reason));
        }
        return;
    }
    if (unreadable) {
        // What the disk did not give now it may give another day: nothing is cut.
        report_.clean_stop = false;
        if (segment.size > end.offset) {
            salvage_.copy(*segment.file, name, end.offset, segment.size - end.offset,
                          "the end of the newest segment, with what could be read of it");
        }
        return;
    }
    if (end.length > 0) {
        report_.clean_stop = false;
        report_.torn_tail += end.length;
        if (!end.cut_short) {
            salvage_.copy(*segment.file, name, end.offset, end.length,
                          end.reason + " at the end of the newest segment");
        }
    }
    live_.segment_grown(segment.sequence, end.offset);
    // Cut and synced: the end that the next segment's header will name must be true after a power cut too.
    auto file = files_.open(layout_.segment(segment.sequence), OpenMode::Write);
    if (file) {
        auto mended = segment.size > end.offset ? (*file)->truncate(end.offset) : Result<void>{};
        if (mended) {
            mended = (*file)->sync();
        }
        if (mended) {
            newest_end_ = end.offset;
        }
    }
}

void Recovery::apply(const ScanStep& frame, Location at, const FoundSegment& segment) {
    ++report_.records;
    report_.bytes += frame.length;
    report_.clean_stop = false;
    if (frame.unknown_optional) {
        return;
    }
    const auto type = static_cast<RecordType>(frame.header.type);
    if (type == RecordType::Accepted || type == RecordType::Carried) {
        apply_message(type, frame, at);
        return;
    }
    auto record = decode_record(type, frame.meta);
    if (!record) {
        salvage_.copy(*segment.file, segment_name(segment.sequence), at.offset, frame.length,
                      record.error().message());
        return;
    }
    if (const auto* attempt = std::get_if<Attempt>(&*record)) {
        see(attempt->id);
        see(attempt->at);
        if (attempt->recipients > 0) {
            live_.upstream_written(attempt->upstream, at.segment, false);
            visitor_.on_charge(*attempt);
        }
        if (live_.find(attempt->id)) {
            live_.set_newest(attempt->id, at);
            standings_.attempted(*attempt);
        }
    } else if (const auto* outcome = std::get_if<Outcome>(&*record)) {
        see(outcome->id);
        see(outcome->at);
        if (!live_.find(outcome->id)) {
            return;  // its message was in a segment that is gone
        }
        if (outcome->finished) {
            ++report_.finished;
            standings_.forget(outcome->id);
            live_.finished(outcome->id);
        } else {
            live_.set_newest(outcome->id, at);
            standings_.settled(*outcome, at);
        }
    } else if (auto* state = std::get_if<UpstreamState>(&*record)) {
        see(state->at);
        live_.upstream_written(state->upstream, at.segment, true);
        visitor_.on_upstream_state(std::move(*state));
    } else if (const auto* stopped = std::get_if<Stopped>(&*record)) {
        see(stopped->at);
        report_.clean_stop = true;
    }
}

// Only what stands at the front is looked at now; the rest is read when it is handed over.
void Recovery::apply_message(RecordType type, const ScanStep& frame, Location at) {
    const auto facts = peek_accepted(type, frame.meta);
    if (!facts) {
        return;
    }
    see(facts->id);
    see(facts->accepted_at);
    standings_.forget(facts->id);
    live_.accepted(facts->id, at, facts->external, frame.length);
}

void Recovery::give_up(MessageId id, Location at, const std::string& reason) {
    live_.finished(id);
    const auto found = std::ranges::find(catalog_.segments, at.segment, &FoundSegment::sequence);
    std::array<char, kFrameHeaderSize> bytes{};
    if (found == catalog_.segments.end() || !found->file->read_at(at.offset, bytes)) {
        return;
    }
    const auto header =
        decode_frame_header({bytes.data(), bytes.size()}, FrameSeed(catalog_.salt, at.segment).at(at.offset));
    salvage_.copy(*found->file, segment_name(at.segment), at.offset,
                  header ? header->frame_size() : kFrameHeaderSize,
                  "message " + to_string(id) + ": " + reason);
}

// --- contents in files of their own
// ---------------------------------------------------------------------------------

Result<void> Recovery::check_contents() {
    const auto entries = files_.list(layout_.content);
    if (!entries) {
        return std::unexpected(entries.error());
    }
    // When something was damaged, a content that nobody names may be all that is left of a message.
    const bool suspicious = !report_.damage.empty();
    bool removed = false;
    for (const auto& entry : *entries) {
        const auto id = parse_message_id(entry.name);
        if (!id || entry.kind != FileKind::Regular) {
            salvage_.move(layout_.content, entry.name, "this is no content of a message");
            continue;
        }
        see(*id);
        const auto message = live_.find(*id);
        if (message && message->external) {
            if (const auto status = files_.status(layout_.content_of(*id)); status && *status) {
                content_bytes_ += (*status)->size;
            }
        } else if (suspicious) {
            salvage_.move(layout_.content, entry.name, "no message that can be read names this content");
        } else {
            removed = true;
            static_cast<void>(files_.remove(layout_.content_of(*id)));
        }
    }
    if (removed) {
        static_cast<void>(files_.sync_directory(layout_.content));
    }
    return {};
}

Result<void> Recovery::hand_over() {
    SegmentReader reader(files_, layout_, catalog_.salt);
    auto messages = live_.all();
    std::ranges::sort(messages, {}, &LiveState::Lying::id);
    for (const auto& [id, base] : messages) {
        auto frame = reader.read(base, false);
        if (!frame) {
            if (frame.error().os_error() != 0) {
                return std::unexpected(frame.error());
            }
            give_up(id, base, frame.error().message());
            continue;
        }
        Recovered message;
        message.location = base;
        message.newest = live_.find(id)->newest;
        if (auto* carried = std::get_if<Carried>(&frame->record)) {
            message.accepted = std::move(carried->accepted);
            message.recipients = std::move(carried->recipients);
            message.attempts = carried->attempts;
            message.next_due = carried->next_due;
        } else if (auto* accepted = std::get_if<Accepted>(&frame->record)) {
            message.accepted = std::move(*accepted);
        }
        message.recipients.resize(message.accepted.envelope.recipients.size());
        if (auto resolved = standings_.resolve(message, reader); !resolved) {
            return std::unexpected(resolved.error());
        }
        if (message.accepted.external) {
            const auto content = ContentReader::open(files_, layout_.content, id);
            const int error = content ? 0 : content.error().os_error();
            if (!content && (error == 0 || error == ENOENT)) {
                give_up(id, base, content.error().message());
                continue;
            }
            if (!content && error != EIO) {
                return std::unexpected(content.error());
            }
            if (!content) {  // perhaps the disk gives it another day: the message stays
                salvage_.report("content/" + to_string(id), 0, 0, content.error().message());
            }
        }
        visitor_.on_message(std::move(message));
    }
    return {};
}

}  // namespace

Result<RecoveryResult> recover(FileSystem& files, const Layout& layout, std::uint64_t fresh_salt,
                               RecoveryVisitor& visitor, RecoveryReport& report) {
    return Recovery(files, layout, visitor, report).run(fresh_salt);
}

}  // namespace posthouse::spool
