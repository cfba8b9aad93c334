// IdIndex: message id -> place in the slab. An open-addressing table of 32-bit places: the ids themselves are
// read from the entries, so a message costs 5 to 11 octets here. One owner.
#pragma once

#include "daemon/queue/entry.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace posthouse::queue {

class IdIndex {
  public:
    explicit IdIndex(const Slab<Message>& messages) : messages_(messages), table_(kSmallest, kNone) {}

    [[nodiscard]] MessageIndex find(spool::MessageId id) const;  // kNone: not here
    void insert(MessageIndex message);                           // its id is not here yet
    void erase(spool::MessageId id);                             // while its entry still has the id
    [[nodiscard]] std::size_t size() const { return size_; }

  private:
    static constexpr std::size_t kSmallest = 64;

    [[nodiscard]] std::size_t home(spool::MessageId id) const;
    void grow();

    const Slab<Message>& messages_;
    std::vector<MessageIndex> table_;  // a power of two, at most 3/4 full
    std::size_t size_ = 0;
};

}  // namespace posthouse::queue
