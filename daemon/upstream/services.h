// What relaying needs of the rest of the relay. References only; everything outlives the connections.
#pragma once

#include "config/schema.h"
#include "daemon/net/tls_context.h"
#include "daemon/runtime/blocking_pool.h"
#include "daemon/runtime/clock.h"
#include "daemon/runtime/log.h"
#include "daemon/runtime/loop.h"
#include "daemon/spool/spool.h"

#include <memory>
#include <optional>
#include <vector>

namespace posthouse::upstream {

struct Services {
    std::shared_ptr<const config::Settings> settings;
    std::vector<std::optional<net::TlsContext>> tls;  // by upstream; nothing with tls: none
    spool::Spool& spool;
    const runtime::Clock& clock;
    runtime::Log& log;
    runtime::BlockingPool& disk;
};

}  // namespace posthouse::upstream
