// Listener: accepts clients on one endpoint and spreads their connections over the loops.
//
// Running out of file descriptors pauses accepting for a moment instead of spinning; clients above the caps
// are greeted with 421. Lives on the first loop; stop() and its callback belong there too.
#pragma once

#include "daemon/net/stream.h"
#include "daemon/runtime/deadlines.h"
#include "daemon/submission/admission.h"
#include "daemon/submission/connection.h"
#include "daemon/submission/services.h"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace posthouse::submission {

// The connections of one loop; touched on that loop only.
struct LoopConnections {
    runtime::Loop& loop;
    runtime::Deadlines deadlines;
    std::set<Connection*> open;

    explicit LoopConnections(runtime::Loop& on) : loop(on), deadlines(on) {}
};

class Listener {
  public:
    // `loops` outlive the listener.
    Listener(Services& services, Admission& admission, std::vector<std::unique_ptr<LoopConnections>>& loops,
             const config::Listener& settings);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    // Binds and listens; the error names the endpoint and what to do.
    [[nodiscard]] Result<void> open();
    // `open()` must have succeeded.
    void start();
    void stop();
    // With port 0 configured: the port that was given.
    [[nodiscard]] config::Endpoint bound_endpoint() const;

  private:
    using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol>;

    [[nodiscard]] Result<void> bind(const boost::asio::generic::stream_protocol::endpoint& endpoint);
    void accept_next();
    void accepted(net::Socket socket, LoopConnections& on);

    Services& services_;
    Admission& admission_;
    std::vector<std::unique_ptr<LoopConnections>>& loops_;
    const config::Listener& settings_;
    std::shared_ptr<const protocol::ServerOptions> options_;
    Acceptor acceptor_;
    boost::asio::steady_timer pause_;
    std::size_t next_loop_ = 0;
    bool stopped_ = false;
};

}  // namespace posthouse::submission
