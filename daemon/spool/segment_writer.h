// SegmentWriter: one segment being written: create, append, sync, seal. Knows nothing of what the frames say.
//
// After any failure of append() or sync() the object is broken for good: what was written since the last
// sync() may or may not be on the disk, and the descriptor must not be synced again. The caller starts
// another segment whose header says where this one ends (synced()).
//
// Owner: the writer thread. Blocking.
#pragma once

#include "daemon/spool/file_system.h"
#include "daemon/spool/frame.h"
#include "daemon/spool/layout.h"
#include "protocol/result.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace posthouse::spool {

class SegmentWriter {
  public:
    // The file, its header and its name are durable when this returns. On failure no file is left, as far as
    // the disk lets it be removed.
    static Result<std::unique_ptr<SegmentWriter>> create(FileSystem& files, const Layout& layout,
                                                         const SegmentHeader& header);

    [[nodiscard]] std::uint32_t sequence() const { return header_.sequence; }
    [[nodiscard]] const FrameSeed& seed() const { return seed_; }
    [[nodiscard]] std::uint64_t end() const { return end_; }        // where the next frame goes
    [[nodiscard]] std::uint64_t synced() const { return synced_; }  // durable up to here

    // `total` is the sum of the parts.
    [[nodiscard]] Result<void> append(std::span<const std::string_view> parts, std::uint64_t total);
    [[nodiscard]] Result<void> sync();
    // Gives back the space reserved ahead. Only after sync(); a failure harms nothing.
    void seal();
    // After a failure: cuts off what is behind `end`, as far as the disk lets it.
    void cut_back(std::uint64_t end);

  private:
    SegmentWriter(std::unique_ptr<File> file, const SegmentHeader& header);
    [[nodiscard]] Result<void> reserve_for(std::uint64_t end);

    std::unique_ptr<File> file_;
    SegmentHeader header_;
    FrameSeed seed_;
    std::uint64_t end_ = kSegmentHeaderSize;
    std::uint64_t synced_ = kSegmentHeaderSize;
    std::uint64_t reserved_ = 0;
};

}  // namespace posthouse::spool
