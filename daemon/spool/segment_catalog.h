// SegmentCatalog: the segments found on disk, with their headers, and what they say about each other: where
// each one ends, which are missing, which do not belong here.
//
// Reading only; recovery acts on what it says, and so do the tools that look into a spool from outside.
#pragma once

#include "daemon/spool/file_system.h"
#include "daemon/spool/frame.h"
#include "daemon/spool/layout.h"
#include "daemon/spool/manifest.h"
#include "protocol/result.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace posthouse::spool {

struct FoundSegment {
    std::uint32_t sequence = 0;
    std::unique_ptr<File> file;
    std::uint64_t size = 0;
    std::optional<SegmentHeader> header;  // nothing: damaged
    std::optional<std::uint64_t> end;     // as the next segment's header tells
    std::string reason;                   // why there is no header

    [[nodiscard]] std::uint64_t limit() const { return end ? std::min(*end, size) : size; }
};

struct Misplaced {
    std::string name;
    std::string reason;
};

struct SegmentCatalog {
    std::optional<Manifest> manifest;
    std::string manifest_fault;  // why there is none although there should be
    std::uint64_t salt = 0;
    std::vector<FoundSegment> segments;   // those that count, oldest first
    std::vector<std::uint32_t> outdated;  // before the manifest's first
    std::vector<Misplaced> misplaced;     // in segments/, but of no use as segments
    std::vector<std::string> unborn;      // whose creation was cut off
    std::vector<std::uint32_t> missing;   // named by a later one, not there
    std::uint32_t greatest = 0;           // greatest sequence number ever seen
};

// Fails if the directory cannot be read, or was written by a newer version. `fresh_salt` if nothing names
// one.
[[nodiscard]] Result<SegmentCatalog> read_catalog(FileSystem& files, const Layout& layout,
                                                  std::uint64_t fresh_salt);

}  // namespace posthouse::spool
