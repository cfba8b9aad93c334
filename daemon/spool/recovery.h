// Recovery: reads a spool at start, mends what a crash left, and hands over what is live.
//
// Every step may be cut off by another crash and is then done again with the same result: it removes only
// what the manifest has given up, cuts only what no record ends in, and copies before it cuts what might be
// worth something. docs/spool-format.md gives the argument.
//
// Memory: about 30 octets per live message, plus as much for those already tried; envelopes are read again at
// the end, one by one.
//
// Blocking.
#pragma once

#include "daemon/spool/file_system.h"
#include "daemon/spool/layout.h"
#include "daemon/spool/message_id.h"
#include "daemon/spool/spool.h"
#include "daemon/spool/writer.h"

#include <cstdint>

namespace posthouse::spool {

struct RecoveryResult {
    WriterStart start;
    MessageId last_id;
    std::uint64_t content_bytes = 0;
};

// The directory is prepared and locked. `fresh_salt` is used if the spool is new.
[[nodiscard]] Result<RecoveryResult> recover(FileSystem& files, const Layout& layout,
                                             std::uint64_t fresh_salt, RecoveryVisitor& visitor,
                                             RecoveryReport& report);

}  // namespace posthouse::spool
