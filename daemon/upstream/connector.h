// Connector: from an upstream's configuration to an open socket: every address of its name is tried in turn.
#pragma once

#include "config/schema.h"
#include "daemon/net/stream.h"
#include "daemon/runtime/loop.h"
#include "daemon/runtime/task.h"

#include <memory>
#include <optional>
#include <string>

namespace posthouse::upstream {

struct Connected {
    std::optional<net::Socket> socket;  // none: failed
    std::string address;                // "192.0.2.1:587", the last one tried
    std::string reason;                 // why not; a sentence with a remedy
};

// Lives on one loop. cancel() ends a pending run() early.
class Connector {
  public:
    Connector(runtime::Loop& loop, const config::Upstream& upstream);
    ~Connector();
    runtime::Task<Connected> run();
    void cancel();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace posthouse::upstream
