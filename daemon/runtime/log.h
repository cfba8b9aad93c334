// Log: one line per event, as text (logfmt) or JSON. Lines are gathered in memory and written together, at
// latest after `flush()` (the loop calls it ten times a second while lines wait) or when 32 KiB wait; errors
// at once.
//
//     log.write(LogLevel::Info, "accepted", {{"msg", id}, {"client", peer}, {"size", 1024}});
//
// Values come from anywhere: control octets and quotes are escaped, so no peer can forge a line. Secrets are
// never given to it. Thread-safe.
#pragma once

#include "config/schema.h"
#include "daemon/runtime/clock.h"

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>

namespace posthouse::runtime {

// A key and its value; views only, valid during the call. Empty strings are left out.
struct LogField {
    std::string_view key;
    std::string_view text;
    std::uint64_t number = 0;
    bool is_number = false;

    LogField(std::string_view field_key, std::string_view value) : key(field_key), text(value) {}
    LogField(std::string_view field_key, const char* value) : key(field_key), text(value) {}
    LogField(std::string_view field_key, const std::string& value) : key(field_key), text(value) {}
    template <std::unsigned_integral T>
    LogField(std::string_view field_key, T value) : key(field_key), number(value), is_number(true) {}
};

class Log {
  public:
    Log(const Clock& clock, config::Log settings, int fd = 1);
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    [[nodiscard]] bool enabled(config::LogLevel level) const { return level >= settings_.level; }
    void write(config::LogLevel level, std::string_view event, std::initializer_list<LogField> fields);
    void flush();
    // Called (under no lock, on the writing thread) when the first line starts to wait.
    void on_waiting(std::function<void()> callback) { on_waiting_ = std::move(callback); }

  private:
    void append_text(config::LogLevel level, std::string_view event, std::initializer_list<LogField> fields);
    void append_json(config::LogLevel level, std::string_view event, std::initializer_list<LogField> fields);
    void append_time();
    void write_out();

    const Clock& clock_;
    config::Log settings_;
    int fd_;
    std::function<void()> on_waiting_;
    std::mutex mutex_;
    std::string buffer_;        // guarded by mutex_, as the rest below
    std::int64_t second_ = -1;  // of time_prefix_
    std::string time_prefix_;
};

}  // namespace posthouse::runtime
