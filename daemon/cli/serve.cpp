#include "daemon/cli/serve.h"

#include "config/load.h"
#include "daemon/app/relay.h"
#include "daemon/cli/exit_codes.h"
#include "daemon/runtime/clock.h"
#include "daemon/runtime/log.h"
#include "daemon/runtime/memory.h"
#include "daemon/runtime/stop_signals.h"

#include <memory>
#include <ostream>
#include <sys/resource.h>
#include <unistd.h>

namespace posthouse::cli {
namespace {

// Every connection is a file; the soft limit of 1024 is a relic. Not being allowed to raise it is no failure.
void raise_file_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int serve(const std::filesystem::path& config, const config::Environment& environment, std::ostream& err) {
    runtime::keep_heap_small();
    raise_file_limit();
    auto loaded = config::load_found(config, environment);
    if (!loaded) {
        err << config::to_string(loaded.error());
        return kConfig;
    }
    const runtime::SystemClock clock;
    runtime::Log log(clock, loaded->log);
    auto relay = std::make_unique<app::Relay>(std::make_shared<const config::Settings>(std::move(*loaded)),
                                              clock, log);
    if (auto opened = relay->open(); !opened) {
        log.flush();
        err << "posthouse: " << opened.error().message() << '\n';
        return kUnavailable;
    }
    const runtime::StopSignals signals(relay->main_loop(), [&relay] { relay->request_stop(); });
    runtime::release_startup_memory();
    if (!relay->run()) {
        relay->leave();
        log.flush();
        ::_exit(kOk);  // a name look-up still runs on a thread of its own and cannot be called back
    }
    return kOk;
}

}  // namespace posthouse::cli
