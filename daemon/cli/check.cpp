#include "daemon/cli/check.h"

#include "config/fault.h"
#include "config/load.h"
#include "config/node.h"
#include "config/show.h"
#include "config/users_file.h"

#include <fmt/format.h>

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <sysexits.h>
#include <vector>

namespace posthouse::cli {

namespace {

std::string faults_as_json(const std::vector<config::Fault>& faults) {
    config::Node list = config::list_node();
    for (const config::Fault& fault : faults) {
        config::Node node = config::map_node();
        node.add("file", config::text_node(fault.file));
        node.add("line", config::plain_node(std::to_string(fault.line)));
        node.add("column", config::plain_node(std::to_string(fault.column)));
        node.add("what", config::text_node(fault.what));
        node.add("advice", config::text_node(fault.advice));
        list.add(std::move(node));
    }
    config::Node root = config::map_node();
    root.add("ok", config::plain_node("false")).add("faults", std::move(list));
    return to_json(root);
}

std::string counted(std::size_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

int check(const CheckOptions& options, const config::Environment& environment, std::ostream& out,
          std::ostream& err) {
    if (options.schema) {
        out << config::json_schema();
        return EX_OK;
    }
    const auto refuse = [&](const std::vector<config::Fault>& faults) {
        if (options.json) {
            out << faults_as_json(faults);
        } else {
            err << to_string(faults);
        }
        return EX_CONFIG;
    };

    const auto settings = config::load_found(options.config, environment);
    if (!settings) return refuse(settings.error());
    std::size_t users = 0;
    if (!settings->clients.users_file.empty()) {
        const auto loaded = config::UsersFile::load(settings->clients.users_file);
        if (!loaded) return refuse(loaded.error());
        users = loaded->size();
    }

    if (options.show) {
        out << (options.json ? config::show_json(*settings) : config::show(*settings));
        return EX_OK;
    }
    if (options.json) {
        out << "{\"ok\": true, \"faults\": []}\n";
        return EX_OK;
    }
    const auto file = config::find_file(options.config, environment);
    out << fmt::format("{}: good: {}, {}, {}, {}\n", file ? file->string() : "$POSTHOUSE_UPSTREAM",
                       counted(settings->listeners.size(), "listener"),
                       counted(settings->upstreams.size(), "upstream"),
                       counted(settings->routes.size(), "route"), counted(users, "login"));
    return EX_OK;
}

}  // namespace posthouse::cli
