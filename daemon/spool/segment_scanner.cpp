#include "daemon/spool/segment_scanner.h"

#include "daemon/spool/crc32c.h"

#include <algorithm>
#include <cstring>

namespace posthouse::spool {
namespace {

constexpr std::size_t kBlock = 4096;
constexpr std::uint64_t kSector = 512;

std::string plural(std::uint64_t count, std::string_view noun) {
    return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace

SegmentScanner::SegmentScanner(const File& file, FrameSeed seed, std::uint64_t limit, std::size_t window)
    : file_(file), seed_(seed), limit_(limit), window_size_(std::max(window, kBlock)) {}

void SegmentScanner::fill(std::uint64_t offset, std::size_t length) {
    // What the window already has of it is kept: frames across its edge are read once.
    std::size_t kept = 0;
    if (offset >= window_start_ && offset < window_start_ + window_length_) {
        const auto skip = static_cast<std::size_t>(offset - window_start_);
        kept = window_length_ - skip;
        std::memmove(window_.data(), window_.data() + skip, kept);
    }
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(std::max(length, window_size_), limit_ - offset));
    if (window_.size() < wanted) {
        window_.resize(wanted);
    }
    window_start_ = offset;
    window_length_ = std::max(kept, wanted);
    const std::span<char> missing(window_.data() + kept, window_length_ - kept);
    const auto got = file_.read_at(offset + kept, missing);
    if (got) {
        std::ranges::fill(missing.subspan(*got), '\0');
        return;
    }
    // Block by block, as the page cache reads: only what lies on a bad one is lost.
    for (std::size_t at = 0; at < missing.size();) {
        const std::size_t to_edge = kBlock - static_cast<std::size_t>((offset + kept + at) % kBlock);
        const auto block = missing.subspan(at, std::min(to_edge, missing.size() - at));
        const auto part = file_.read_at(offset + kept + at, block);
        if (!part) {
            unreadable_ += block.size();
        }
        std::ranges::fill(block.subspan(part.value_or(0)), '\0');
        at += block.size();
    }
}

std::string_view SegmentScanner::peek(std::uint64_t offset, std::uint64_t length) {
    if (offset < window_start_ || offset + length > window_start_ + window_length_) {
        fill(offset, static_cast<std::size_t>(length));
    }
    return {window_.data() + (offset - window_start_), static_cast<std::size_t>(length)};
}

std::optional<FrameHeader> SegmentScanner::header_at(std::uint64_t offset) {
    if (offset + kFrameHeaderSize > limit_) {
        return std::nullopt;
    }
    return decode_frame_header(peek(offset, kFrameHeaderSize), seed_.at(static_cast<std::uint32_t>(offset)));
}

ScanStep SegmentScanner::gap(std::uint64_t end, std::string reason) {
    ScanStep step;
    step.kind = ScanStep::Kind::Gap;
    step.offset = static_cast<std::uint32_t>(position_);
    step.length = end - position_;
    step.reason = std::move(reason);
    position_ = end;
    return step;
}

ScanStep SegmentScanner::frame(const FrameHeader& header) {
    const std::uint64_t size = header.frame_size();
    const std::uint32_t seed = seed_.at(static_cast<std::uint32_t>(position_));
    const std::string_view bytes = peek(position_, size);
    const std::string_view meta = bytes.substr(kFrameHeaderSize, header.meta_size);
    const std::string_view content = bytes.substr(kFrameHeaderSize + header.meta_size);
    known_synced_ = std::max<std::uint64_t>(known_synced_, header.synced);
    const bool meta_sound = crc32c(meta, seed) == header.meta_checksum;
    if (!meta_sound || crc32c(content, seed) != header.content_checksum) {
        std::string reason = "the checksum of a record";
        const auto id =
            meta_sound ? peek_message_id(static_cast<RecordType>(header.type), meta) : std::nullopt;
        reason = id ? "the checksum of the content of message " + to_string(*id) : reason;
        return gap(position_ + size, reason + " does not agree");
    }
    const bool optional = (header.flags & kFrameOptional) != 0;
    if (!known_type(header.type) && !optional) {
        return gap(position_ + size, "a record of type " + std::to_string(header.type) +
                                         ", which this version does not know: it was written by a newer one");
    }
    ScanStep step;
    step.kind = ScanStep::Kind::Frame;
    step.offset = static_cast<std::uint32_t>(position_);
    step.length = size;
    step.header = header;
    step.meta = meta;
    step.content = content;
    step.unknown_optional = !known_type(header.type);
    position_ += size;
    return step;
}

std::uint64_t SegmentScanner::last_nonzero_end(std::uint64_t from) {
    if (!last_nonzero_end_) {
        std::uint64_t last = 0;
        for (std::uint64_t at = from; at < limit_;) {
            const auto length = std::min<std::uint64_t>(window_size_, limit_ - at);
            const std::string_view bytes = peek(at, length);
            if (const auto found = bytes.find_last_not_of('\0'); found != std::string_view::npos) {
                last = at + found + 1;
            }
            at += length;
        }
        last_nonzero_end_ = last;
    }
    return std::max(from, *last_nonzero_end_);
}

// No frame begins at position_. Looks for the next one; if there is none, position_ is where the segment
// ends.
ScanStep SegmentScanner::resynchronise() {
    for (std::uint64_t at = position_ + 1; at + kFrameHeaderSize <= limit_;) {
        const auto length = std::min<std::uint64_t>(window_size_, limit_ - at);
        const auto found = peek(at, length).find(kFrameMagic);
        if (found == std::string_view::npos) {
            at += std::max<std::uint64_t>(length - (kFrameMagic.size() - 1), 1);
            continue;
        }
        at += found;
        if (const auto header = header_at(at)) {
            return gap(at, "no record begins here; the next one that can be read follows after " +
                               plural(at - position_, "octet"));
        }
        ++at;
    }
    ScanStep step;
    step.offset = static_cast<std::uint32_t>(position_);
    const std::uint64_t end = last_nonzero_end(position_);
    step.length = end - position_;
    // A header that was not written to its end leaves fewer octets than a header has.
    step.cut_short = step.length < kFrameHeaderSize;
    if (step.length > 0) {
        step.reason = step.cut_short ? "a record header was not written to its end"
                                     : plural(step.length, "octet") + " in which no record can be read";
    }
    return step;
}

ScanStep SegmentScanner::next() {
    if (position_ >= limit_) {
        ScanStep step;
        step.offset = static_cast<std::uint32_t>(std::min(position_, limit_));
        return step;
    }
    const auto header = header_at(position_);
    if (!header) {
        return resynchronise();
    }
    const std::uint64_t frame_end = position_ + header->frame_size();
    const bool whole = frame_end <= limit_;
    // The writer makes a segment longer ahead of its use: a record that was not written to its end ends in
    // zeros, and no record of ours does so by itself unless its checksum agrees.
    if (whole) {
        const std::uint64_t start = position_;
        ScanStep step = frame(*header);
        if (step.kind == ScanStep::Kind::Frame) {
            return step;
        }
        // Writes end at a sector's edge, whatever cuts them short.
        const std::uint64_t used = last_nonzero_end(start);
        if ((used + kSector - 1) / kSector * kSector >= frame_end) {
            return step;
        }
        position_ = start;
        step = ScanStep{};
        step.offset = static_cast<std::uint32_t>(start);
        step.length = used - start;
        step.cut_short = true;
        step.reason = "a record was not written to its end";
        return step;
    }
    ScanStep step;
    step.offset = static_cast<std::uint32_t>(position_);
    step.length = last_nonzero_end(position_) - position_;
    step.cut_short = true;
    step.reason = "a record was not written to its end";
    return step;
}

}  // namespace posthouse::spool
