// Admission: how many clients may be connected at once, in all and from one address.
//
// Refusing early (421 4.3.2) is the back-pressure of promise 9. Thread-safe: connections end on any loop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace posthouse::submission {

class Admission {
  public:
    using Address = std::array<std::uint8_t, 16>;

    Admission(std::size_t max_connections, std::size_t max_per_address)
        : max_connections_(max_connections), max_per_address_(max_per_address) {}

    // Nothing: admitted, call release() at the end. Else the reason, to be said to the client. Unix sockets
    // count in all, not per address (pass nothing).
    [[nodiscard]] std::optional<std::string> admit(const std::optional<Address>& address);
    void release(const std::optional<Address>& address);
    [[nodiscard]] std::size_t connections() const;

  private:
    const std::size_t max_connections_;
    const std::size_t max_per_address_;
    mutable std::mutex mutex_;
    std::size_t connections_ = 0;
    std::map<Address, std::size_t> per_address_;
};

}  // namespace posthouse::submission
