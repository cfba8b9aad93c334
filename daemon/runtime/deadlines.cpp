#include "daemon/runtime/deadlines.h"

#include "daemon/runtime/clock.h"

#include <utility>

namespace posthouse::runtime {
namespace {
constexpr std::chrono::milliseconds kInterval{250};
}

Deadlines::Deadlines(Loop& loop) : timer_(loop.io()) {}

void Deadlines::stop() {
    timer_.cancel();
}

void Deadlines::watch() {
    if (watching_ || entries_.empty()) return;
    watching_ = true;
    timer_.expires_after(kInterval);
    timer_.async_wait([this](const boost::system::error_code& error) {
        watching_ = false;
        if (error) return;
        const auto now = steady_now();
        for (auto it = entries_.begin(); it != entries_.end();) {
            Entry* entry = *it++;  // on_expired may add entries, and ends its own only later
            if (entry->at_ > now) continue;
            entry->at_ = std::chrono::steady_clock::time_point::max();
            entry->on_expired_();
        }
        watch();
    });
}

Deadlines::Entry::Entry(Deadlines& deadlines, std::function<void()> on_expired)
    : deadlines_(deadlines),
      on_expired_(std::move(on_expired)),
      place_(deadlines.entries_.insert(deadlines.entries_.end(), this)) {
    deadlines_.watch();
}

Deadlines::Entry::~Entry() {
    deadlines_.entries_.erase(place_);
}

void Deadlines::Entry::set(std::chrono::milliseconds from_now) {
    at_ = steady_now() + from_now;
}

void Deadlines::Entry::clear() {
    at_ = std::chrono::steady_clock::time_point::max();
}

}  // namespace posthouse::runtime
