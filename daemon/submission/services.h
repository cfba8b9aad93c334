// What a submission needs of the rest of the relay. References only; everything outlives the listeners.
#pragma once

#include "config/schema.h"
#include "config/users_file.h"
#include "daemon/net/tls_context.h"
#include "daemon/runtime/blocking_pool.h"
#include "daemon/runtime/clock.h"
#include "daemon/runtime/log.h"
#include "daemon/runtime/loop.h"
#include "daemon/spool/spool.h"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>

namespace posthouse::submission {

struct Services {
    std::shared_ptr<const config::Settings> settings;
    std::shared_ptr<const config::UsersFile> users;
    std::optional<net::TlsContext> tls;  // for listeners with STARTTLS or implicit TLS
    spool::Spool& spool;
    const runtime::Clock& clock;
    runtime::Log& log;
    runtime::BlockingPool& disk;           // large contents
    runtime::BlockingPool& hashing;        // password checks
    std::atomic<std::uint64_t>& buffered;  // octets of contents being taken in, all sessions
    // A message is durable: the queue may have it. Any loop.
    std::function<void(spool::StoredPtr, spool::Location)> hand_over;
};

}  // namespace posthouse::submission
