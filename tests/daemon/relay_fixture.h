// A relay and a sink in one process, each on its own threads, joined over loopback. The sink is the upstream.
#pragma once

#include "config/environment.h"
#include "config/load.h"
#include "daemon/app/relay.h"
#include "daemon/runtime/clock.h"
#include "daemon/runtime/log.h"
#include "daemon/runtime/loop.h"
#include "daemon/sink/sink.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace posthouse::test {

// What the sink received, counted by recipient; waited for from the test's thread.
class Received {
  public:
    void add(const sink::Captured& message);
    // True when `recipient` has got `count` messages; false after 20 seconds.
    bool wait_for(const std::string& recipient, std::size_t count);
    std::size_t count(const std::string& recipient);
    std::size_t total();

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::string, std::size_t> by_recipient_;
    std::size_t total_ = 0;
};

class TestSink {
  public:
    explicit TestSink(sink::Options options);
    ~TestSink();
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] const std::string& authority() const { return sink_.authority(); }
    Received received;

  private:
    runtime::Loop loop_;
    sink::Sink sink_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

class TestRelay {
  public:
    // `yaml` is the configuration without `listen`, `spool`, `log` and `hostname`, which the fixture adds.
    TestRelay(const std::filesystem::path& folder, const std::string& yaml);
    ~TestRelay();  // stops in good order
    [[nodiscard]] std::uint16_t port() const { return port_; }

  private:
    runtime::SystemClock clock_;
    runtime::Log log_;
    std::unique_ptr<app::Relay> relay_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

class RelayTest : public testing::Test {
  protected:
    RelayTest();
    ~RelayTest() override;
    // YAML of an upstream that is the sink, without limits.
    [[nodiscard]] std::string upstream_yaml(const TestSink& sink, const std::string& extra = {}) const;

    std::filesystem::path folder_;
};

[[nodiscard]] sink::Options sink_with_login();

}  // namespace posthouse::test
