// The manifest: a small text file that names the first segment that counts. Segments before it are finished
// with and are removed, whether or not a crash came between.
//
// Replaced as a whole: written beside, synced, renamed over, directory synced.
#pragma once

#include "daemon/spool/file_system.h"
#include "daemon/spool/layout.h"
#include "protocol/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse::spool {

struct Manifest {
    std::uint32_t first = 1;  // segments with a smaller number are of no use
    std::uint64_t salt = 0;   // of every checksum in this spool; never changes
    friend bool operator==(const Manifest&, const Manifest&) = default;
};

[[nodiscard]] std::string encode_manifest(const Manifest& manifest);
[[nodiscard]] Result<Manifest> decode_manifest(std::string_view text);

// Nothing if there is none; an error if it cannot be used.
[[nodiscard]] Result<std::optional<Manifest>> read_manifest(FileSystem& files, const Layout& layout);
[[nodiscard]] Result<void> write_manifest(FileSystem& files, const Layout& layout, const Manifest& manifest);

}  // namespace posthouse::spool
