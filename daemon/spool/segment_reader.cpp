#include "daemon/spool/segment_reader.h"

#include "daemon/spool/crc32c.h"

#include <algorithm>

namespace posthouse::spool {
namespace {

constexpr std::size_t kMostOpen = 32;
constexpr std::size_t kFirstRead = 4096;     // holds most frames whole
constexpr std::size_t kFirstMetaRead = 768;  // holds most records without their content
constexpr std::uint64_t kMostFrame = 1ULL << 30U;

std::unexpected<Error> damaged(Location location, std::string_view what) {
    return fail("segment " + segment_name(location.segment) + ", offset " + std::to_string(location.offset) +
                ": " + std::string(what) + "; run `posthouse spool verify`");
}

}  // namespace

SegmentReader::SegmentReader(FileSystem& files, Layout layout, std::uint64_t salt)
    : files_(files), layout_(std::move(layout)), salt_(salt) {}

Result<std::shared_ptr<const File>> SegmentReader::open_file(std::uint32_t sequence) {
    const std::lock_guard guard(mutex_);
    for (auto& segment : open_) {
        if (segment.sequence == sequence) {
            segment.last_use = ++uses_;
            return segment.file;
        }
    }
    auto file = files_.open(layout_.segment(sequence), OpenMode::Read);
    if (!file) {
        return std::unexpected(file.error());
    }
    if (open_.size() >= kMostOpen) {
        open_.erase(std::ranges::min_element(open_, {}, &OpenSegment::last_use));
    }
    std::shared_ptr<const File> shared = std::move(*file);
    open_.push_back({sequence, ++uses_, shared});
    return shared;
}

void SegmentReader::forget(std::uint32_t segment) {
    const std::lock_guard guard(mutex_);
    std::erase_if(open_, [segment](const OpenSegment& open) { return open.sequence == segment; });
}

std::optional<Result<ReadFrame>> SegmentReader::read(Location location, Reading how, bool with_content) {
    const auto opened = open_file(location.segment);
    if (!opened) {
        return std::unexpected(opened.error());
    }
    const File& file = **opened;
    const auto read_at = [&](std::uint64_t offset, std::span<char> into) {
        return how == Reading::Blocking ? std::optional(file.read_at(offset, into))
                                        : file.read_cached(offset, into);
    };

    std::string bytes(with_content ? kFirstRead : kFirstMetaRead, '\0');
    auto got = read_at(location.offset, bytes);
    if (!got) {
        return std::nullopt;
    }
    if (!*got) {
        return std::unexpected(got->error());
    }
    bytes.resize(**got);
    const std::uint32_t seed = FrameSeed(salt_, location.segment).at(location.offset);
    const auto header = decode_frame_header(bytes, seed);
    if (!header || header->frame_size() > kMostFrame) {
        return damaged(location, "no record begins here");
    }
    const auto wanted = static_cast<std::size_t>(kFrameHeaderSize + std::uint64_t{header->meta_size} +
                                                 (with_content ? header->content_size : 0U));
    const std::size_t have = std::min(bytes.size(), wanted);
    bytes.resize(wanted);
    if (have < wanted) {
        got = read_at(location.offset + have, std::span(bytes).subspan(have));
        if (!got) {
            return std::nullopt;
        }
        if (!*got) {
            return std::unexpected(got->error());
        }
        if (**got < wanted - have) {
            return damaged(location, "the record is cut short");
        }
    }
    const auto meta = std::string_view(bytes).substr(kFrameHeaderSize, header->meta_size);
    const auto content = std::string_view(bytes).substr(kFrameHeaderSize + header->meta_size);
    if (crc32c(meta, seed) != header->meta_checksum ||
        (with_content && crc32c(content, seed) != header->content_checksum)) {
        return damaged(location, "the record's checksum does not agree");
    }
    ReadFrame frame;
    frame.type = static_cast<RecordType>(header->type);
    auto record = decode_record(frame.type, meta);
    if (!record) {
        return damaged(location, record.error().message());
    }
    frame.record = std::move(*record);
    bytes.erase(0, kFrameHeaderSize + header->meta_size);
    frame.content = std::move(bytes);
    if (!with_content) {
        frame.content.clear();
    }
    return frame;
}

Result<ReadFrame> SegmentReader::read(Location location, bool with_content) {
    return *read(location, Reading::Blocking, with_content);
}

Result<std::vector<Record>> SegmentReader::read_chain(Location newest) {
    std::vector<Record> records;
    for (Location at = newest; at.valid();) {
        auto frame = read(at, false);
        if (!frame) {
            if (records.empty()) {
                return std::unexpected(frame.error());
            }
            break;
        }
        Location previous;
        if (const auto* attempt = std::get_if<Attempt>(&frame->record)) {
            previous = attempt->previous;
        } else if (const auto* outcome = std::get_if<Outcome>(&frame->record)) {
            previous = outcome->previous;
        }
        records.push_back(std::move(frame->record));
        // Always older: a chain cannot run in a circle.
        const bool older =
            previous.segment < at.segment || (previous.segment == at.segment && previous.offset < at.offset);
        at = older ? previous : Location{};
    }
    return records;
}

}  // namespace posthouse::spool
