// The command line's side of the admin API: one GET over the unix socket (or loopback) of a running daemon.
#pragma once

#include "config/environment.h"
#include "config/schema.h"
#include "protocol/result.h"

#include <boost/json/value.hpp>

#include <filesystem>
#include <string>

namespace posthouse::cli {

struct ApiAnswer {
    unsigned status = 0;  // HTTP status
    boost::json::value body;
};

// The first address of admin.listen; blocking.
[[nodiscard]] Result<ApiAnswer> get(const config::Endpoint& endpoint, const std::string& target);

}  // namespace posthouse::cli
