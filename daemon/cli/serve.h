// `posthouse serve`: runs the relay in the foreground until SIGTERM or SIGINT.
//
// Exit status: 0 stopped in good order; 78 the configuration is wrong; 69 the spool, a port or a certificate
// cannot be had, with the reason on standard error.
#pragma once

#include "config/environment.h"

#include <filesystem>
#include <iosfwd>

namespace posthouse::cli {

[[nodiscard]] int serve(const std::filesystem::path& config, const config::Environment& environment,
                        std::ostream& err);

}  // namespace posthouse::cli
