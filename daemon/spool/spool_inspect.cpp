#include "daemon/spool/spool_inspect.h"

#include "daemon/spool/content_file.h"
#include "daemon/spool/inspect_text.h"
#include "daemon/spool/layout.h"
#include "daemon/spool/record.h"
#include "daemon/spool/segment_catalog.h"
#include "daemon/spool/segment_reader.h"
#include "daemon/spool/segment_scanner.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <map>
#include <ostream>
#include <set>
#include <vector>

namespace posthouse::spool {
namespace {

// Walks a spool directory as recovery would, without touching it.
class Walk {
  public:
    using OnRecord =
        std::function<void(Location, std::uint64_t length, const Record&, std::uint32_t content_size)>;

    Walk(FileSystem& files, const std::string& path, InspectFormat format, std::ostream& out)
        : files_(files), layout_(path), lines_(format, out) {}

    Result<void> run(const OnRecord& on_record, bool contents);
    void finish() { lines_.summary(summary_); }

    [[nodiscard]] const InspectSummary& summary() const { return summary_; }
    [[nodiscard]] InspectLines& lines() { return lines_; }

  private:
    Result<void> read_segment(const FoundSegment& segment, bool newest, std::uint64_t salt,
                              const OnRecord& on_record);
    void follow(const Record& record);
    Result<void> check_contents();
    void problem(const std::string& file, std::uint64_t offset, std::uint64_t length,
                 const std::string& reason) {
        ++summary_.problems;
        lines_.problem(file, offset, length, reason);
    }

    FileSystem& files_;
    Layout layout_;
    InspectLines lines_;
    InspectSummary summary_;
    std::map<MessageId, bool> live_;  // -> external
};

Result<void> Walk::run(const OnRecord& on_record, bool contents) {
    const auto status = files_.status(layout_.segments);
    if (!status) {
        return std::unexpected(status.error());
    }
    if (!*status || (*status)->kind != FileKind::Directory) {
        return fail(layout_.root + " is no spool: it has no directory segments", ENOENT);
    }
    const auto catalog = read_catalog(files_, layout_, 0);
    if (!catalog) {
        return std::unexpected(catalog.error());
    }
    if (!catalog->manifest_fault.empty()) {
        problem("manifest", 0, 0, catalog->manifest_fault);
    }
    for (const auto& misplaced : catalog->misplaced) {
        problem(misplaced.name, 0, 0, misplaced.reason);
    }
    for (const std::uint32_t sequence : catalog->missing) {
        problem(segment_name(sequence), 0, 0, "the segment is missing: what was in it is lost");
    }
    for (const auto& segment : catalog->segments) {
        const bool newest = &segment == &catalog->segments.back();
        if (auto read = read_segment(segment, newest, catalog->salt, on_record); !read) {
            return read;
        }
    }
    summary_.live = live_.size();
    return contents ? check_contents() : Result<void>{};
}

Result<void> Walk::read_segment(const FoundSegment& segment, bool newest, std::uint64_t salt,
                                const OnRecord& on_record) {
    const std::string name = segment_name(segment.sequence);
    ++summary_.segments;
    summary_.bytes += segment.size;
    if (!segment.header) {
        problem(name, 0, kSegmentHeaderSize, segment.reason);
    }
    SegmentScanner scanner(*segment.file, FrameSeed(salt, segment.sequence), segment.limit());
    while (true) {
        const ScanStep step = scanner.next();
        if (step.kind == ScanStep::Kind::Gap) {
            problem(name, step.offset, step.length, step.reason);
            continue;
        }
        if (step.kind == ScanStep::Kind::Frame) {
            ++summary_.records;
            if (step.unknown_optional) {
                continue;
            }
            const auto record = decode_record(static_cast<RecordType>(step.header.type), step.meta);
            if (!record) {
                problem(name, step.offset, step.length, record.error().message());
                continue;
            }
            follow(*record);
            on_record({segment.sequence, step.offset}, step.length, *record, step.header.content_size);
            continue;
        }
        const std::uint64_t sealed_end = std::max<std::uint64_t>(segment.end.value_or(0), step.offset);
        const std::uint64_t lost = std::max(sealed_end - step.offset, step.length);
        if (newest) {
            summary_.torn_tail += step.length;
        }
        if (lost > 0 && !(newest && step.cut_short)) {
            problem(name, step.offset, lost,
                    step.reason.empty() ? "the end of the segment is missing or zeroed" : step.reason);
        }
        if (scanner.unreadable() > 0) {
            problem(name, 0, scanner.unreadable(), "the disk could not read parts of it");
        }
        return {};
    }
}

void Walk::follow(const Record& record) {
    if (const auto* accepted = std::get_if<Accepted>(&record)) {
        live_[accepted->id] = accepted->external;
    } else if (const auto* carried = std::get_if<Carried>(&record)) {
        live_[carried->accepted.id] = carried->accepted.external;
    } else if (const auto* outcome = std::get_if<Outcome>(&record); outcome && outcome->finished) {
        summary_.finished += live_.erase(outcome->id);
    }
}

Result<void> Walk::check_contents() {
    std::array<char, 64U << 10U> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read()
    for (const auto& [id, external] : live_) {
        if (!external) {
            continue;
        }
        auto content = ContentReader::open(files_, layout_.content, id);
        Error error;
        bool sound = content.has_value();
        if (!content) {
            error = content.error();
        } else {
            summary_.bytes += (*content)->size() + kContentFooterSize;
            for (std::size_t got = 1; sound && got > 0;) {
                const auto read = (*content)->read(chunk);
                sound = read.has_value();
                got = read.value_or(0);
                if (!read) {
                    error = read.error();
                }
            }
        }
        if (!sound) {
            problem("content/" + to_string(id), 0, 0, error.message());
        }
    }
    return {};
}

Result<void> write_external(FileSystem& files, const Layout& layout, MessageId id, std::ostream& out) {
    auto content = ContentReader::open(files, layout.content, id);
    if (!content) {
        return std::unexpected(content.error());
    }
    std::vector<char> chunk(std::size_t{64} << 10U);
    while (true) {
        const auto got = (*content)->read(chunk);
        if (!got) {
            return std::unexpected(got.error());
        }
        if (*got == 0) {
            break;
        }
        out.write(chunk.data(), static_cast<std::streamsize>(*got));
    }
    return {};
}

}  // namespace

Result<InspectSummary> verify_spool(FileSystem& files, const std::string& path, InspectFormat format,
                                    std::ostream& out) {
    Walk walk(files, path, format, out);
    if (auto done = walk.run([](Location, std::uint64_t, const Record&, std::uint32_t) {}, true); !done) {
        return std::unexpected(done.error());
    }
    walk.finish();
    return walk.summary();
}

Result<InspectSummary> dump_spool(FileSystem& files, const std::string& path, const DumpOptions& options,
                                  std::ostream& out) {
    Walk walk(files, path, options.format, out);
    const auto print = [&](Location at, std::uint64_t length, const Record& record,
                           std::uint32_t content_size) {
        if (!options.only || message_of(record) == options.only) {
            walk.lines().record(at, length, record, content_size);
        }
    };
    if (auto done = walk.run(print, false); !done) {
        return std::unexpected(done.error());
    }
    return walk.summary();
}

Result<void> export_message(FileSystem& files, const std::string& path, MessageId id, std::ostream& out) {
    const Layout layout(path);
    std::ostream nowhere(nullptr);
    Location found;
    bool external = false;
    Walk walk(files, path, InspectFormat::Text, nowhere);
    const auto look = [&](Location at, std::uint64_t, const Record& record, std::uint32_t) {
        const auto* accepted = std::get_if<Accepted>(&record);
        if (const auto* carried = std::get_if<Carried>(&record)) {
            accepted = &carried->accepted;
        }
        if (accepted != nullptr && accepted->id == id) {
            found = at;
            external = accepted->external;
        }
    };
    if (auto done = walk.run(look, false); !done) {
        return done;
    }
    if (!found.valid()) {
        return fail("message " + to_string(id) + " is not in the spool " + path, ENOENT);
    }
    if (external) {
        return write_external(files, layout, id, out);
    }
    const auto catalog = read_catalog(files, layout, 0);
    if (!catalog) {
        return std::unexpected(catalog.error());
    }
    const auto frame = SegmentReader(files, layout, catalog->salt).read(found, true);
    if (!frame) {
        return std::unexpected(frame.error());
    }
    out.write(frame->content.data(), static_cast<std::streamsize>(frame->content.size()));
    return {};
}

}  // namespace posthouse::spool
