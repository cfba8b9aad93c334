// ContentSource: the content of a message as it goes out to one upstream: from memory, from the segment or
// from its own file; converted to 7-bit where the upstream needs that. Large contents pass in chunks through
// the disk threads, so memory does not grow with the message.
//
// prepare() decides and learns the exact size; then next() gives chunk after chunk, empty at the end.
// Lives on the connection's loop.
#pragma once

#include "daemon/runtime/task.h"
#include "daemon/spool/content_file.h"
#include "daemon/spool/spool.h"
#include "daemon/upstream/services.h"
#include "protocol/result.h"
#include "protocol/seven_bit.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse::upstream {

// Why a content cannot be had. `permanent`: it can never be sent to this upstream (5.6.3); else a disk error.
struct ContentFault {
    std::string reason;
    bool permanent = false;
    ContentFault(std::string why, bool for_good) : reason(std::move(why)), permanent(for_good) {}
};

class ContentSource {
  public:
    ContentSource(const Services& services, runtime::Loop& loop, spool::StoredPtr message);

    // Whether prepare() has anything to do; without it next() may be called at once.
    [[nodiscard]] bool needs_preparing(bool to_seven_bit) const {
        return message_->accepted.external || (to_seven_bit && eight_bit_);
    }
    // `to_seven_bit`: convert if the content has 8-bit octets.
    runtime::Task<std::optional<ContentFault>> prepare(bool to_seven_bit);
    [[nodiscard]] std::uint64_t size() const { return size_; }
    [[nodiscard]] bool eight_bit() const { return eight_bit_; }
    // The whole content, if it lies in memory as it will be sent.
    [[nodiscard]] std::optional<std::string_view> whole() const;

    // The view is valid until the next call.
    runtime::Task<Result<std::string_view>> next();

  private:
    runtime::Task<Result<std::string_view>> next_raw();
    runtime::Task<Result<void>> open_file();
    runtime::Task<std::optional<ContentFault>> convert();

    const Services& services_;
    runtime::Loop& loop_;
    spool::StoredPtr message_;
    std::unique_ptr<spool::ContentReader> file_;
    std::string chunk_;
    std::string converted_;
    std::optional<protocol::SevenBitConverter> converter_;
    std::uint64_t size_ = 0;
    std::size_t memory_offset_ = 0;
    bool eight_bit_ = false;
    bool raw_ended_ = false;
};

}  // namespace posthouse::upstream
