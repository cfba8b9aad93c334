#include "daemon/spool/segment_writer.h"

#include <algorithm>

namespace posthouse::spool {
namespace {

// Space is reserved ahead in growing steps: fdatasync then has no file size to record (a third faster here,
// see docs/spool-format.md), a full disk shows before the write, and an idle spool stays small.
constexpr std::uint64_t kFirstStep = 256U << 10U;
constexpr std::uint64_t kLargestStep = 4U << 20U;

}  // namespace

SegmentWriter::SegmentWriter(std::unique_ptr<File> file, const SegmentHeader& header)
    : file_(std::move(file)), header_(header), seed_(header.salt, header.sequence) {}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::create(FileSystem& files, const Layout& layout,
                                                             const SegmentHeader& header) {
    // Under its own name it appears whole: a segment without a header is damage, never a creation that was
    // cut off.
    const std::string path = layout.segment(header.sequence);
    const std::string unborn = layout.unborn_segment(header.sequence);
    auto file = files.open(unborn, OpenMode::Create);
    if (!file) {
        return std::unexpected(file.error());
    }
    std::unique_ptr<SegmentWriter> segment(new SegmentWriter(std::move(*file), header));
    const std::string bytes = encode_segment_header(header);
    const std::string_view parts[] = {bytes};
    auto made = segment->reserve_for(kSegmentHeaderSize);
    if (made) {
        made = segment->file_->write_at(0, parts);
    }
    if (made) {
        made = segment->file_->sync();
    }
    if (made) {
        made = files.rename(unborn, path);
    }
    const bool named = made.has_value();
    if (made) {
        made = files.sync_directory(layout.segments);
    }
    if (!made) {
        // Should this fail too, the next start removes it, or finds a segment without records.
        static_cast<void>(files.remove(named ? path : unborn));
        return std::unexpected(made.error());
    }
    return segment;
}

Result<void> SegmentWriter::reserve_for(std::uint64_t end) {
    if (end <= reserved_) {
        return {};
    }
    const std::uint64_t step = std::clamp(reserved_, kFirstStep, kLargestStep);
    std::uint64_t wanted = std::max(end, reserved_ + step);
    if (!file_->reserve(wanted)) {
        wanted = end;  // the last octets of a full disk may still do
        if (auto result = file_->reserve(wanted); !result) {
            return result;
        }
    }
    reserved_ = wanted;
    return {};
}

Result<void> SegmentWriter::append(std::span<const std::string_view> parts, std::uint64_t total) {
    if (auto reserved = reserve_for(end_ + total); !reserved) {
        return reserved;
    }
    if (auto written = file_->write_at(end_, parts); !written) {
        return written;
    }
    end_ += total;
    return {};
}

Result<void> SegmentWriter::sync() {
    const std::uint64_t end = end_;
    if (auto result = file_->sync(); !result) {
        return result;
    }
    synced_ = end;
    return {};
}

void SegmentWriter::seal() {
    static_cast<void>(file_->truncate(end_));
}

void SegmentWriter::cut_back(std::uint64_t end) {
    static_cast<void>(file_->truncate(end));
}

}  // namespace posthouse::spool
