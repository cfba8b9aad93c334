// SIGTERM and SIGINT call `stop` on the loop, each time they arrive; SIGPIPE is ignored. SIGHUP changes
// nothing: this version takes a new configuration by a restart, and a terminal that closes must not stop a
// relay.
#pragma once

#include "daemon/runtime/loop.h"

#include <boost/asio/signal_set.hpp>

#include <functional>

namespace posthouse::runtime {

class StopSignals {
  public:
    StopSignals(Loop& loop, std::function<void()> stop);

  private:
    void wait();

    boost::asio::signal_set signals_;
    std::function<void()> stop_;
};

}  // namespace posthouse::runtime
