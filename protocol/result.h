// Result<T>: an expected failure is a value, never an exception.
//
// An Error is a sentence for a person: what happened, to what, and what to do about it. `os_error` keeps the
// errno value when a system call was the cause, so that callers can tell ENOSPC from EIO; 0 otherwise.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace posthouse {

class Error {
  public:
    Error() = default;
    explicit Error(std::string message, int os_error = 0)
        : message_(std::move(message)), os_error_(os_error) {}

    [[nodiscard]] const std::string& message() const { return message_; }
    [[nodiscard]] int os_error() const { return os_error_; }

  private:
    std::string message_;
    int os_error_ = 0;
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(std::string message, int os_error = 0) {
    return std::unexpected<Error>(std::in_place, std::move(message), os_error);
}

}  // namespace posthouse
