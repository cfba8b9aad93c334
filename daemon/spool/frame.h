// The byte form of a segment: its header and the frames behind it. docs/spool-format.md is the specification;
// this file holds the numbers.
//
// Every checksum starts from a seed made of the spool's secret salt, the segment's number and the frame's
// offset. Octets that were valid in another segment, at another place or in another spool never verify here,
// and neither does a frame that a client smuggles into a message, since it cannot know the salt.
//
// Pure.
#pragma once

#include "daemon/spool/message_id.h"
#include "daemon/spool/record.h"
#include "protocol/time.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse::spool {

inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::size_t kSegmentHeaderSize = 64;
inline constexpr std::size_t kFrameHeaderSize = 32;
inline constexpr std::string_view kSegmentMagic = "PHSEGM\r\n";
inline constexpr std::string_view kFrameMagic = "\xF5PH\x01";  // 0xF5 occurs neither in ASCII nor in UTF-8
inline constexpr std::uint8_t kFrameOptional = 1;  // a reader that does not know the type may skip it

struct SegmentHeader {
    std::uint32_t sequence = 0;
    std::uint64_t salt = 0;
    TimePoint created{};
    // The segment before this one and where its valid octets end: whatever lies behind was never acknowledged
    // and does not exist. 0: not known.
    std::uint32_t previous = 0;
    std::uint32_t previous_end = 0;
    MessageId last_id;  // greatest id given out before
    friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

[[nodiscard]] std::string encode_segment_header(const SegmentHeader& header);
// Nothing if it is damaged or no segment header. A version newer than ours is an error that names it.
[[nodiscard]] Result<SegmentHeader> decode_segment_header(std::string_view bytes);

struct FrameHeader {
    std::uint8_t type = 0;
    std::uint8_t flags = 0;
    std::uint32_t meta_size = 0;
    std::uint32_t content_size = 0;
    std::uint32_t meta_checksum = 0;
    std::uint32_t content_checksum = 0;
    std::uint32_t synced = 0;  // up to here the segment was durable when this frame was written

    [[nodiscard]] std::uint64_t frame_size() const {
        return kFrameHeaderSize + std::uint64_t{meta_size} + content_size;
    }
};

// The seeds of one segment.
class FrameSeed {
  public:
    FrameSeed(std::uint64_t salt, std::uint32_t sequence);
    [[nodiscard]] std::uint32_t at(std::uint32_t offset) const;

  private:
    std::uint32_t seed_;
};

// Writes the 32 octets of a frame header for these parts to `to`.
void encode_frame_header(char* to, RecordType type, std::string_view meta, std::string_view content,
                         std::uint32_t synced, std::uint32_t seed_at_offset);
// Nothing unless magic and checksum agree.
[[nodiscard]] std::optional<FrameHeader> decode_frame_header(std::string_view bytes,
                                                             std::uint32_t seed_at_offset);
[[nodiscard]] bool known_type(std::uint8_t type);

}  // namespace posthouse::spool
