#include "daemon/runtime/stop_signals.h"

#include <csignal>
#include <utility>

namespace posthouse::runtime {

StopSignals::StopSignals(Loop& loop, std::function<void()> stop)
    : signals_(loop.io(), SIGTERM, SIGINT), stop_(std::move(stop)) {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGHUP, SIG_IGN);
    wait();
}

void StopSignals::wait() {
    signals_.async_wait([this](const boost::system::error_code& cancelled, int) {
        if (cancelled) return;
        stop_();
        wait();
    });
}

}  // namespace posthouse::runtime
