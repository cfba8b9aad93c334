// Deadlines: the timeouts of all connections of one loop, checked together four times a second.
//
// Setting or moving a deadline is one store; nothing is armed per operation. SMTP timeouts are seconds to
// minutes (RFC 5321 4.5.3.2), so a quarter of a second late is nothing. Lives on one loop; not thread-safe.
#pragma once

#include "daemon/runtime/loop.h"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <list>

namespace posthouse::runtime {

class Deadlines {
  public:
    class Entry;

    explicit Deadlines(Loop& loop);

    // Stops watching; for the end of the loop.
    void stop();

  private:
    friend class Entry;
    void watch();

    boost::asio::steady_timer timer_;
    std::list<Entry*> entries_;
    bool watching_ = false;
};

// One connection's deadline. `on_expired` runs on the loop, once per expiry; it must not destroy the Entry.
class Deadlines::Entry {
  public:
    Entry(Deadlines& deadlines, std::function<void()> on_expired);
    ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    void set(std::chrono::milliseconds from_now);
    void clear();

  private:
    friend class Deadlines;
    Deadlines& deadlines_;
    std::function<void()> on_expired_;
    std::list<Entry*>::iterator place_;
    std::chrono::steady_clock::time_point at_ = std::chrono::steady_clock::time_point::max();
};

}  // namespace posthouse::runtime
