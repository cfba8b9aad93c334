#include "daemon/cli/demo.h"

#include "config/load.h"
#include "daemon/app/relay.h"
#include "daemon/cli/exit_codes.h"
#include "daemon/runtime/clock.h"
#include "daemon/runtime/log.h"
#include "daemon/runtime/stop_signals.h"
#include "daemon/sink/sink.h"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <ostream>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): POSIX declares it so.
extern char** environ;

namespace posthouse::cli {
namespace {

using config::LogLevel;

constexpr std::chrono::seconds kPatience{30};

struct DemoMessage {
    const char* recipient;
    const char* subject;
    const char* body;
};

constexpr std::array<DemoMessage, 3> kMessages{{
    {"anna@example.org", "Your order has left the warehouse", "It should be with you on Thursday.\r\n"},
    {"boris@example.org", "Password reset", "Your code is 493 021. It is good for 30 minutes.\r\n"},
    {"chloe@example.org", "Report with dots", "A line with a dot alone:\r\n.\r\n..and one with two.\r\n"},
}};

// A folder that goes with the demo.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "posthouse-demo-XXXXXX").string();
        if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

bool write_file(const std::filesystem::path& path, std::string_view text) {
    std::ofstream file(path, std::ios::binary);
    file << text;
    return static_cast<bool>(file.flush());
}

std::string configuration(const DemoOptions& options, const std::filesystem::path& folder, unsigned port) {
    return fmt::format(
        "hostname: demo.localhost\n"
        "listen:\n"
        "  - address: {}\n"
        "clients: {{max_message_size: 50MiB}}\n"
        "spool: {{path: {}/spool, min_free: 16MiB}}\n"
        "upstreams:\n"
        "  sink:\n"
        "    host: localhost\n"
        "    hosts: [127.0.0.1]\n"
        "    port: {}\n"
        "    tls: starttls\n"
        "    verify: {{ca_file: {}/ca.pem}}\n"
        "    login: demo\n"
        "    password: {{file: {}/password}}\n",
        options.listen, folder.string(), port, folder.string(), folder.string());
}

// Runs curl and waits. The exit status, or -1 if it could not be started.
int submit_with_curl(const std::string& listen, const std::filesystem::path& folder,
                     const DemoMessage& message) {
    const auto file = folder / "message.eml";
    const std::string text =
        fmt::format("From: Demo Shop <shop@example.com>\r\nTo: {}\r\nSubject: {}\r\n\r\n{}",
                    message.recipient, message.subject, message.body);
    if (!write_file(file, text)) return -1;
    std::vector<std::string> words{"curl",        "--silent",         "--show-error",  "--max-time",
                                   "20",          "smtp://" + listen, "--mail-from",   "shop@example.com",
                                   "--mail-rcpt", message.recipient,  "--upload-file", file.string()};
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (auto& word : words)
        arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_t child = 0;
    if (::posix_spawnp(&child, "curl", nullptr, nullptr, arguments.data(), environ) != 0) return -1;
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Counts what the sink received; waited for by the submitting thread.
class Arrivals {
  public:
    void add() {
        const std::lock_guard lock(mutex_);
        ++count_;
        changed_.notify_all();
    }
    void give_up() {
        const std::lock_guard lock(mutex_);
        given_up_ = true;
        changed_.notify_all();
    }
    // How many arrived, at latest after kPatience.
    std::size_t wait_for(std::size_t wanted) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, kPatience, [&] { return count_ >= wanted || given_up_; });
        return count_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t count_ = 0;
    bool given_up_ = false;
};

sink::Options sink_options() {
    sink::Options options;
    options.listen = config::TcpEndpoint{"127.0.0.1", 0};
    options.login = "demo";
    options.password = "demo-password";
    return options;
}

}  // namespace

int demo(const DemoOptions& options, const config::Environment& environment, std::ostream& out,
         std::ostream& err) {
    const TemporaryFolder folder;
    const runtime::SystemClock clock;
    runtime::Log log(clock, config::Log{});
    Arrivals arrivals;
    runtime::Loop sink_loop;
    sink::Sink upstream(sink_loop, sink_options(), [&](const sink::Captured& message) {
        log.write(LogLevel::Info, "received_by_sink",
                  {{"from", message.envelope.sender},
                   {"to", message.envelope.recipients.front().address},
                   {"size", message.size},
                   {"tls", message.tls_version},
                   {"login", message.login}});
        log.flush();
        arrivals.add();
    });
    if (auto opened = upstream.open(); !opened) {
        err << "posthouse demo: " << opened.error().message() << '\n';
        return kUnavailable;
    }
    if (folder.path().empty() || !write_file(folder.path() / "ca.pem", upstream.authority()) ||
        !write_file(folder.path() / "password", "demo-password\n")) {
        err << "posthouse demo: cannot write into the folder for temporary files; set TMPDIR to one that can "
               "be written\n";
        return kUnavailable;
    }
    std::filesystem::permissions(folder.path() / "password", std::filesystem::perms::owner_read);
    auto loaded = config::load_text(configuration(options, folder.path(), upstream.port()), "demo",
                                    folder.path(), environment);
    if (!loaded) {
        err << config::to_string(loaded.error());
        return kConfig;
    }
    app::Relay relay(std::make_shared<const config::Settings>(std::move(*loaded)), clock, log);
    if (auto opened = relay.open(); !opened) {
        log.flush();
        err << "posthouse demo: " << opened.error().message() << '\n';
        return kUnavailable;
    }
    const std::string listen = config::to_string(relay.endpoints().front());
    out << "posthouse demo\n"
        << "  relay     " << listen << ", spool " << folder.path().string() << "/spool\n"
        << "  upstream  127.0.0.1:" << upstream.port()
        << ", the built-in sink: STARTTLS verified against a throw-away CA, AUTH required\n"
        << "  client    curl, " << kMessages.size() << " messages\n\n"
        << std::flush;

    std::thread sink_thread([&sink_loop] { sink_loop.run(); });
    std::atomic<bool> submitted{true};
    std::size_t arrived = 0;
    std::thread client([&] {
        for (const auto& message : kMessages) {
            const int status = submit_with_curl(listen, folder.path(), message);
            if (status == 0) continue;
            submitted = false;
            log.write(LogLevel::Error, "submission_failed",
                      {{"to", message.recipient},
                       {"text", status < 0 ? "curl could not be run; install it"
                                           : "curl could not submit the message"}});
        }
        if (submitted) arrived = arrivals.wait_for(kMessages.size());
        log.flush();
        out << fmt::format("\n{} of {} messages submitted by curl were accepted, relayed and received\n",
                           arrived, kMessages.size());
        if (options.once) {
            relay.request_stop();
        } else {
            out << fmt::format(
                "\nTry it yourself:   swaks --server {} --to you@example.org\nCtrl-C ends the demo.\n",
                listen);
        }
        out << std::flush;
    });
    const runtime::StopSignals signals(relay.main_loop(), [&] {
        arrivals.give_up();
        relay.request_stop();
    });
    const bool clean = relay.run();
    client.join();
    sink_loop.post([&] {
        upstream.stop();
        sink_loop.stop();
    });
    sink_thread.join();
    if (!clean) {
        relay.leave();
        ::_exit(kSoftware);
    }
    return arrived == kMessages.size() ? kOk : kSoftware;
}

}  // namespace posthouse::cli
