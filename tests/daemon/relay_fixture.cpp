#include "tests/daemon/relay_fixture.h"

#include <fcntl.h>
#include <fstream>
#include <stdexcept>
#include <stdlib.h>
#include <unistd.h>
#include <utility>

namespace posthouse::test {
namespace {

int open_log(const std::filesystem::path& folder) {
    return ::open((folder / "relay.log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

}  // namespace

void Received::add(const sink::Captured& message) {
    const std::lock_guard lock(mutex_);
    ++total_;
    for (const auto& recipient : message.envelope.recipients)
        ++by_recipient_[recipient.address];
    changed_.notify_all();
}

bool Received::wait_for(const std::string& recipient, std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds{20},
                             [&] { return by_recipient_[recipient] >= count; });
}

std::size_t Received::count(const std::string& recipient) {
    const std::lock_guard lock(mutex_);
    return by_recipient_[recipient];
}

std::size_t Received::total() {
    const std::lock_guard lock(mutex_);
    return total_;
}

TestSink::TestSink(sink::Options options)
    : sink_(loop_, std::move(options), [this](const sink::Captured& message) { received.add(message); }) {
    const auto opened = sink_.open();
    if (!opened) throw std::runtime_error(opened.error().message());
    port_ = sink_.port();
    thread_ = std::thread([this] { loop_.run(); });
}

TestSink::~TestSink() {
    loop_.post([this] {
        sink_.stop();
        loop_.stop();
    });
    thread_.join();
}

TestRelay::TestRelay(const std::filesystem::path& folder, const std::string& yaml)
    : log_(clock_, config::Log{config::LogLevel::Debug, config::LogFormat::Text}, open_log(folder)) {
    const std::string text = "hostname: relay.test\nlisten: [{address: \"127.0.0.1:0\"}]\nspool: {path: " +
                             (folder / "spool").string() + ", min_free: 1MiB}\nadmin: {listen: [\"unix:" +
                             (folder / "admin.sock").string() + "\"]}\n" + yaml;
    auto loaded = config::load_text(text, "test", folder, config::environment_of_this_machine());
    if (!loaded) throw std::runtime_error(config::to_string(loaded.error()));
    relay_ = std::make_unique<app::Relay>(std::make_shared<const config::Settings>(std::move(*loaded)),
                                          clock_, log_);
    const auto opened = relay_->open();
    if (!opened) throw std::runtime_error(opened.error().message());
    port_ = std::get<config::TcpEndpoint>(relay_->endpoints().front()).port;
    thread_ = std::thread([this] { EXPECT_TRUE(relay_->run()); });
}

TestRelay::~TestRelay() {
    relay_->request_stop();
    thread_.join();
}

RelayTest::RelayTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "posthouse-test-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
}

RelayTest::~RelayTest() {
    if (HasFailure()) {
        std::ifstream log(folder_ / "relay.log");
        std::string line;
        while (std::getline(log, line))
            std::fprintf(stderr, "%s\n", line.c_str());
    }
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

std::string RelayTest::upstream_yaml(const TestSink& sink, const std::string& extra) const {
    const auto authority = folder_ / ("ca-" + std::to_string(sink.port()) + ".pem");
    std::ofstream(authority) << sink.authority();
    return "host: localhost, hosts: [127.0.0.1], port: " + std::to_string(sink.port()) +
           ", tls: starttls, verify: {ca_file: " + authority.string() + "}, login: tester, password: right" +
           (extra.empty() ? "" : ", " + extra);
}

sink::Options sink_with_login() {
    sink::Options options;
    options.listen = config::TcpEndpoint{"127.0.0.1", 0};
    options.login = "tester";
    options.password = "right";
    return options;
}

}  // namespace posthouse::test
