// `posthouse queue list|show`: asks the running daemon over the admin API.
//
// Exit status: 0; 66 if there is no such message; 69 if no daemon answers; 78 if the configuration is wrong.
#pragma once

#include "config/environment.h"

#include <filesystem>
#include <iosfwd>
#include <string>

namespace posthouse::cli {

struct QueueOptions {
    std::filesystem::path config;
    bool json = false;
    std::size_t limit = 100;  // list: how many messages
    std::string id;           // show
};

[[nodiscard]] int queue_list(const QueueOptions& options, const config::Environment& environment,
                             std::ostream& out, std::ostream& err);
[[nodiscard]] int queue_show(const QueueOptions& options, const config::Environment& environment,
                             std::ostream& out, std::ostream& err);

}  // namespace posthouse::cli
