// Looking into a spool from outside: verify, dump and export. Read only: changes nothing, takes no lock, and
// may be pointed at a spool in use or at a copy (what is written meanwhile may be missed).
//
// Blocking. Any thread.
#pragma once

#include "daemon/spool/file_system.h"
#include "daemon/spool/message_id.h"
#include "protocol/result.h"

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

namespace posthouse::spool {

enum class InspectFormat : std::uint8_t { Text, JsonLines };

struct InspectSummary {
    std::uint64_t segments = 0;
    std::uint64_t records = 0;
    std::uint64_t live = 0;  // messages not finished
    std::uint64_t finished = 0;
    std::uint64_t bytes = 0;      // of segments and contents
    std::uint64_t torn_tail = 0;  // octets at the end that a restart would cut: normal after a crash
    std::uint64_t problems = 0;   // damage found; 0: the spool is sound
};

// Reads every record and every content and checks every checksum. One line per problem and a summary at the
// end. Fails only if `path` is no spool or cannot be read at all.
[[nodiscard]] Result<InspectSummary> verify_spool(FileSystem& files, const std::string& path,
                                                  InspectFormat format, std::ostream& out);

struct DumpOptions {
    InspectFormat format = InspectFormat::Text;
    std::optional<MessageId> only;  // records of this message; without it all
};

// One line per record, oldest first: where it lies, its type, and all it says (contents by size only).
[[nodiscard]] Result<InspectSummary> dump_spool(FileSystem& files, const std::string& path,
                                                const DumpOptions& options, std::ostream& out);

// The content of a message, octet for octet as it would be relayed. Finds finished messages too, as long as
// their segment is there. Fails if the message is not in the spool or its content is damaged.
[[nodiscard]] Result<void> export_message(FileSystem& files, const std::string& path, MessageId id,
                                          std::ostream& out);

}  // namespace posthouse::spool
