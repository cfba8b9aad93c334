// SegmentScanner: walks through one segment from its first frame to its end, by large sequential reads,
// checking every checksum. What cannot be used comes out as a Gap, never as silence: after damage it looks
// for the next place where a frame header verifies and goes on there.
//
// Blocks whose reading fails (EIO) count as zeros, so that one bad sector costs only the frames on it.
//
// One owner; blocking.
#pragma once

#include "daemon/spool/file_system.h"
#include "daemon/spool/frame.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::spool {

struct ScanStep {
    enum class Kind : std::uint8_t { Frame, Gap, End };
    Kind kind = Kind::End;
    std::uint32_t offset = 0;
    std::uint64_t length = 0;  // of the frame, of the gap, or of the octets behind the last frame (trailing
                               // zeros not counted: a segment is made longer ahead of its use)
    // Frame: views into the scanner's window, valid until the next call.
    FrameHeader header;
    std::string_view meta;
    std::string_view content;
    // Gap and End: why. `cut_short` (End): exactly what a write leaves that was not completed.
    std::string reason;
    bool cut_short = false;
    bool unknown_optional = false;  // Frame: of a type not known here that may be skipped
};

class SegmentScanner {
  public:
    // Reads [kSegmentHeaderSize, limit) of `file`.
    SegmentScanner(const File& file, FrameSeed seed, std::uint64_t limit,
                   std::size_t window = std::size_t{1} << 20U);

    [[nodiscard]] ScanStep next();
    [[nodiscard]] std::uint64_t unreadable() const { return unreadable_; }  // octets the disk did not give
    // The greatest `synced` of any frame so far: what lies below was once durable.
    [[nodiscard]] std::uint64_t known_synced() const { return known_synced_; }

  private:
    [[nodiscard]] std::string_view peek(std::uint64_t offset, std::uint64_t length);
    void fill(std::uint64_t offset, std::size_t length);
    [[nodiscard]] std::optional<FrameHeader> header_at(std::uint64_t offset);
    [[nodiscard]] ScanStep frame(const FrameHeader& header);
    [[nodiscard]] ScanStep gap(std::uint64_t end, std::string reason);
    [[nodiscard]] ScanStep resynchronise();
    [[nodiscard]] std::uint64_t last_nonzero_end(std::uint64_t from);

    const File& file_;
    FrameSeed seed_;
    std::uint64_t limit_;
    std::size_t window_size_;
    std::vector<char> window_;
    std::uint64_t window_start_ = 0;
    std::size_t window_length_ = 0;
    std::uint64_t position_ = kSegmentHeaderSize;
    std::uint64_t unreadable_ = 0;
    std::uint64_t known_synced_ = 0;
    std::optional<std::uint64_t> last_nonzero_end_;
};

}  // namespace posthouse::spool
