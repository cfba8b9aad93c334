// `posthouse check`: is the configuration good, and what does it come to? Opens no socket and no spool.
//
// Exit status: 0 good, 78 (EX_CONFIG) with every fault named as FILE:LINE:COL on standard error, or with
// `json` as
// {"ok": false, "faults": [...]} on standard output.
#pragma once

#include "config/environment.h"

#include <filesystem>
#include <iosfwd>

namespace posthouse::cli {

struct CheckOptions {
    std::filesystem::path
        config;           // --config; empty: $POSTHOUSE_CONFIG, the standard file, or the environment alone
    bool show = false;    // --show: print the configuration in force, secrets masked
    bool json = false;    // --json
    bool schema = false;  // --schema: print the JSON Schema of the file and look at nothing
};

[[nodiscard]] int check(const CheckOptions& options, const config::Environment& environment,
                        std::ostream& out, std::ostream& err);

}  // namespace posthouse::cli
