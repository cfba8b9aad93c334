// SegmentReader: reads single frames of a spool by Location, keeping a few segments open.
//
// Threads: any; the table of open files is behind a mutex, reading is not.
#pragma once

#include "daemon/spool/file_system.h"
#include "daemon/spool/frame.h"
#include "daemon/spool/layout.h"
#include "protocol/result.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace posthouse::spool {

enum class Reading : std::uint8_t { Blocking, CachedOnly };

struct ReadFrame {
    RecordType type{};
    Record record;
    std::string content;
};

class SegmentReader {
  public:
    SegmentReader(FileSystem& files, Layout layout, std::uint64_t salt);

    // Checks every checksum. Nothing only with CachedOnly: the disk would have to be asked. `with_content`:
    // false leaves the content unread and unchecked.
    [[nodiscard]] std::optional<Result<ReadFrame>> read(Location location, Reading how, bool with_content);
    [[nodiscard]] Result<ReadFrame> read(Location location, bool with_content);

    // The records of a message from this one back to Accepted or Carried. Where one cannot be read the chain
    // ends early; only if the first one cannot is that a failure.
    [[nodiscard]] Result<std::vector<Record>> read_chain(Location newest);

    void forget(std::uint32_t segment);  // it is being removed

  private:
    struct OpenSegment {
        std::uint32_t sequence = 0;
        std::uint64_t last_use = 0;
        std::shared_ptr<const File> file;
    };
    [[nodiscard]] Result<std::shared_ptr<const File>> open_file(std::uint32_t sequence);

    FileSystem& files_;
    Layout layout_;
    std::uint64_t salt_;
    std::mutex mutex_;
    std::vector<OpenSegment> open_;  // under mutex_
    std::uint64_t uses_ = 0;         // under mutex_
};

}  // namespace posthouse::spool
