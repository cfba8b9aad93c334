// What the spool reaches by itself, on the disk it is pointed at:
//   spool_bench accept  DIR [SESSIONS=50] [OCTETS=1024] [SECONDS=3]   accepted/s, fdatasync per message,
//   latency spool_bench recover DIR [MESSAGES=1000000] [OCTETS=1024]          time and memory of a restart
#include "daemon/runtime/clock.h"
#include "daemon/spool/spool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <latch>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using namespace posthouse;
using Steady = std::chrono::steady_clock;

struct Count final : spool::RecoveryVisitor {
    std::size_t messages = 0;
    void on_charge(const spool::Attempt&) override {}
    void on_upstream_state(spool::UpstreamState&&) override {}
    void on_message(spool::Recovered&&) override { ++messages; }
};

double seconds_since(Steady::time_point start) {
    return std::chrono::duration<double>(runtime::steady_now() - start).count();
}

std::unique_ptr<spool::Spool> open_spool(spool::FileSystem& files, const std::string& path, Count& count) {
    spool::Options options;
    options.path = path;
    spool::RecoveryReport report;
    auto spool = spool::Spool::open(files, options, count, report);
    if (!spool) {
        std::fprintf(stderr, "%s\n", spool.error().message().c_str());
        std::exit(1);
    }
    return std::move(*spool);
}

spool::StoredPtr make_message(spool::Spool& spool, TimePoint now, std::size_t octets) {
    auto stored = std::make_shared<spool::Stored>();
    stored->accepted.id = spool.next_id(now);
    stored->accepted.accepted_at = now;
    stored->accepted.envelope.sender = "shop@example.org";
    stored->accepted.envelope.recipients.resize(1);
    stored->accepted.envelope.recipients[0].address = "customer@example.net";
    stored->accepted.client = "127.0.0.1";
    stored->accepted.facts.message_id = "20231114.221320.1234567890@example.org";
    stored->content.assign(octets, 'x');
    stored->accepted.facts.size = octets;
    return stored;
}

void memory(const char* when) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmRSS") || line.starts_with("VmHWM")) {
            std::printf("%s %s\n", when, line.c_str());
        }
    }
}

void accept(const std::string& path, int sessions, std::size_t octets, double length) {
    spool::PosixFileSystem files;
    Count count;
    const auto spool = open_spool(files, path, count);
    const runtime::SystemClock clock;
    std::atomic<bool> stop{false};
    std::vector<std::vector<double>> latencies(static_cast<std::size_t>(sessions));
    std::vector<std::thread> threads;
    const auto start = runtime::steady_now();
    for (auto& mine : latencies) {
        threads.emplace_back([&] {
            while (!stop.load(std::memory_order_relaxed)) {
                auto message = make_message(*spool, clock.now(), octets);
                std::atomic<int> state{0};
                spool->transaction_opened();
                const auto begin = runtime::steady_now();
                spool->accept(std::move(message), [&state](Result<spool::Location> result) {
                    state.store(result ? 1 : 2, std::memory_order_release);
                    state.notify_one();
                });
                state.wait(0, std::memory_order_acquire);
                mine.push_back(seconds_since(begin) * 1e6);
                spool->transaction_closed();
                if (state.load() != 1) {
                    std::exit(1);
                }
            }
        });
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(length));
    stop = true;
    for (auto& thread : threads) {
        thread.join();
    }
    const double took = seconds_since(start);
    std::vector<double> all;
    for (const auto& mine : latencies) {
        all.insert(all.end(), mine.begin(), mine.end());
    }
    std::ranges::sort(all);
    const auto syncs = static_cast<double>(spool->counters().syncs.load());
    const auto records = static_cast<double>(all.size());
    std::printf(
        "%d sessions, %zu octets: %.0f accepted/s, %.4f fdatasync/message, p50 %.0f us, p99 %.0f us\n",
        sessions, octets, records / took, syncs / records, all[all.size() / 2], all[all.size() * 99 / 100]);
}

void recover(const std::string& path, std::size_t messages, std::size_t octets) {
    spool::PosixFileSystem files;
    {
        Count count;
        const auto spool = open_spool(files, path, count);
        const runtime::SystemClock clock;
        const auto start = runtime::steady_now();
        for (std::size_t done = count.messages; done < messages;) {
            const std::size_t group = std::min<std::size_t>(1000, messages - done);
            std::latch all(static_cast<std::ptrdiff_t>(group));
            for (std::size_t i = 0; i < group; ++i) {
                spool->accept(make_message(*spool, clock.now(), octets),
                              [&all](Result<spool::Location>) { all.count_down(); });
            }
            all.wait();
            done += group;
        }
        std::printf("filled in %.1f s\n", seconds_since(start));
        memory("filled ");
    }
    memory("closed ");
    Count count;
    const auto start = runtime::steady_now();
    const auto spool = open_spool(files, path, count);
    std::printf("recovered %zu messages in %.2f s\n", count.messages, seconds_since(start));
    memory("recovered ");
}

}  // namespace

int main(int argc, char** argv) {
    const auto number = [&](int at, double otherwise) {
        return argc > at ? std::strtod(argv[at], nullptr) : otherwise;
    };
    const std::string_view mode = argc > 2 ? argv[1] : "";
    if (mode == "accept") {
        accept(argv[2], static_cast<int>(number(3, 50)), static_cast<std::size_t>(number(4, 1024)),
               number(5, 3));
    } else if (mode == "recover") {
        recover(argv[2], static_cast<std::size_t>(number(3, 1e6)), static_cast<std::size_t>(number(4, 1024)));
    } else {
        std::fprintf(stderr,
                     "usage: spool_bench accept DIR [SESSIONS] [OCTETS] [SECONDS]\n"
                     "       spool_bench recover DIR [MESSAGES] [OCTETS]\n");
        return 64;
    }
    return 0;
}
