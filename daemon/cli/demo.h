// `posthouse demo`: the relay, the sink as its upstream and a few messages, in one go; nothing to configure.
//
// The relay listens on `listen`, the sink on a free port with STARTTLS under a throw-away CA and AUTH
// demanded. The messages are submitted by curl, a client that is not ours. Then it runs until Ctrl-C, or with
// `once` ends by itself.
//
// Exit status: 0 only if every message arrived at the sink.
#pragma once

#include "config/environment.h"

#include <iosfwd>
#include <string>

namespace posthouse::cli {

struct DemoOptions {
    std::string listen = "127.0.0.1:2525";
    bool once = false;
};

[[nodiscard]] int demo(const DemoOptions& options, const config::Environment& environment, std::ostream& out,
                       std::ostream& err);

}  // namespace posthouse::cli
