// The names inside a spool directory, and the checks of the directory itself.
//
//   <path>/lock               held while the spool is open
//   <path>/manifest           the first segment that counts, and the salt
//   <path>/segments/<8 hex>.log
//   <path>/content/<id>       one large content each
//   <path>/damaged/           what was set aside
#pragma once

#include "daemon/spool/file_system.h"
#include "daemon/spool/message_id.h"
#include "protocol/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse::spool {

struct Layout {
    explicit Layout(std::string path);

    std::string root, lock, manifest, segments, content, damaged;

    [[nodiscard]] std::string segment(std::uint32_t sequence) const;
    [[nodiscard]] std::string unborn_segment(std::uint32_t sequence) const;  // until its header is durable
    [[nodiscard]] std::string content_of(MessageId id) const;
};

[[nodiscard]] std::string segment_name(std::uint32_t sequence);  // "0000002a.log"
[[nodiscard]] std::optional<std::uint32_t> parse_segment_name(std::string_view name);
[[nodiscard]] bool is_unborn_segment(std::string_view name);

// Makes the directory and its four parts where they are missing, each durable before what is inside it;
// refuses a path that is a symbolic link, no directory, another user's, or writable by group or others.
[[nodiscard]] Result<void> prepare_directory(FileSystem& files, const Layout& layout);
// The checks alone, for readers.
[[nodiscard]] Result<void> check_directory(FileSystem& files, const std::string& path);

}  // namespace posthouse::spool
