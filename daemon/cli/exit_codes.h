// Exit statuses, from sysexits.h, by the names used in the documentation.
#pragma once

#include <sysexits.h>

namespace posthouse::cli {

inline constexpr int kOk = EX_OK;                    // 0
inline constexpr int kUsage = EX_USAGE;              // 64: the command line is wrong
inline constexpr int kDataError = EX_DATAERR;        // 65: damage was found
inline constexpr int kNoInput = EX_NOINPUT;          // 66: what was asked for does not exist
inline constexpr int kUnavailable = EX_UNAVAILABLE;  // 69: the daemon, a port or the spool cannot be had
inline constexpr int kSoftware = EX_SOFTWARE;        // 70: a bug
inline constexpr int kConfig = EX_CONFIG;            // 78: the configuration is wrong

}  // namespace posthouse::cli
