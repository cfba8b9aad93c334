#include "daemon/runtime/log.h"

#include <fmt/format.h>

#include <cerrno>
#include <ctime>
#include <iterator>
#include <unistd.h>

namespace posthouse::runtime {
namespace {

constexpr std::size_t kWriteAt = 32U << 10U;

std::string_view name(config::LogLevel level) {
    switch (level) {
        case config::LogLevel::Debug:
            return "debug";
        case config::LogLevel::Info:
            return "info";
        case config::LogLevel::Warning:
            return "warning";
        case config::LogLevel::Error:
            return "error";
    }
    return "info";
}

void append_escaped(std::string& out, std::string_view text) {
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out.push_back('\\');
            out.push_back(c);
        } else if (octet < 0x20 || octet == 0x7f) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", octet);
        } else {
            out.push_back(c);
        }
    }
}

// JSON must be valid UTF-8 whatever a peer sent: octets that are not ASCII are kept only in well-formed
// sequences.
void append_json_string(std::string& out, std::string_view text) {
    out.push_back('"');
    std::size_t i = 0;
    while (i < text.size()) {
        const auto octet = static_cast<unsigned char>(text[i]);
        std::size_t length = 1;
        if (octet >= 0xc2 && octet <= 0xdf) length = 2;
        if (octet >= 0xe0 && octet <= 0xef) length = 3;
        if (octet >= 0xf0 && octet <= 0xf4) length = 4;
        bool whole = octet < 0x80 || (length > 1 && i + length <= text.size());
        for (std::size_t k = 1; whole && k < length; ++k) {
            whole = (static_cast<unsigned char>(text[i + k]) & 0xc0U) == 0x80U;
        }
        if (!whole) {
            out += "\\ufffd";
            ++i;
            continue;
        }
        if (octet < 0x80) {
            append_escaped(out, text.substr(i, 1));
        } else {
            out.append(text, i, length);
        }
        i += length;
    }
    out.push_back('"');
}

bool needs_quotes(std::string_view text) {
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (octet <= 0x20 || octet == 0x7f || c == '"' || c == '\\' || c == '=') return true;
    }
    return false;
}

}  // namespace

Log::Log(const Clock& clock, config::Log settings, int fd) : clock_(clock), settings_(settings), fd_(fd) {}

Log::~Log() {
    flush();
}

void Log::write(config::LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
    if (!enabled(level)) return;
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        first = buffer_.empty();
        if (settings_.format == config::LogFormat::Json) {
            append_json(level, event, fields);
        } else {
            append_text(level, event, fields);
        }
        if (buffer_.size() >= kWriteAt || level >= config::LogLevel::Error || !on_waiting_) {
            write_out();
            first = false;
        }
    }
    if (first) on_waiting_();
}

void Log::append_time() {
    const auto ms = to_unix_ms(clock_.wall());
    const auto second = ms / 1000;
    if (second != second_) {
        second_ = second;
        const std::time_t t = second;
        std::tm parts{};
        ::gmtime_r(&t, &parts);
        time_prefix_ =
            fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.", parts.tm_year + 1900, parts.tm_mon + 1,
                        parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
    }
    buffer_ += time_prefix_;
    fmt::format_to(std::back_inserter(buffer_), "{:03}Z", ms % 1000);
}

void Log::append_text(config::LogLevel level, std::string_view event,
                      std::initializer_list<LogField> fields) {
    append_time();
    buffer_.push_back(' ');
    buffer_ += name(level);
    buffer_.push_back(' ');
    buffer_ += event;
    for (const auto& field : fields) {
        if (!field.is_number && field.text.empty()) continue;
        buffer_.push_back(' ');
        buffer_ += field.key;
        buffer_.push_back('=');
        if (field.is_number) {
            fmt::format_to(std::back_inserter(buffer_), "{}", field.number);
        } else if (needs_quotes(field.text)) {
            buffer_.push_back('"');
            append_escaped(buffer_, field.text);
            buffer_.push_back('"');
        } else {
            buffer_ += field.text;
        }
    }
    buffer_.push_back('\n');
}

void Log::append_json(config::LogLevel level, std::string_view event,
                      std::initializer_list<LogField> fields) {
    buffer_ += R"({"ts":")";
    append_time();
    buffer_ += R"(","level":")";
    buffer_ += name(level);
    buffer_ += R"(","event":")";
    buffer_ += event;
    buffer_.push_back('"');
    for (const auto& field : fields) {
        if (!field.is_number && field.text.empty()) continue;
        buffer_ += ",\"";
        buffer_ += field.key;
        buffer_ += "\":";
        if (field.is_number) {
            fmt::format_to(std::back_inserter(buffer_), "{}", field.number);
        } else {
            append_json_string(buffer_, field.text);
        }
    }
    buffer_ += "}\n";
}

void Log::flush() {
    const std::lock_guard lock(mutex_);
    write_out();
}

void Log::write_out() {
    std::string_view rest = buffer_;
    while (!rest.empty()) {
        const auto written = ::write(fd_, rest.data(), rest.size());
        if (written < 0) {
            if (errno == EINTR) continue;
            break;  // nowhere to complain: a log that cannot be written must not stop the mail
        }
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    buffer_.clear();
}

}  // namespace posthouse::runtime
