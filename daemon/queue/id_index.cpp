#include "daemon/queue/id_index.h"

#include <utility>

namespace posthouse::queue {

std::size_t IdIndex::home(spool::MessageId id) const {
    // Ids are times plus a small counter: the product spreads them over the high bits, which are then used.
    const std::uint64_t spread = id.value * 0x9E3779B97F4A7C15ULL;
    return static_cast<std::size_t>(spread >> 20U) & (table_.size() - 1);
}

MessageIndex IdIndex::find(spool::MessageId id) const {
    const std::size_t mask = table_.size() - 1;
    for (std::size_t i = home(id); table_[i] != kNone; i = (i + 1) & mask) {
        if (messages_[table_[i]].id == id) return table_[i];
    }
    return kNone;
}

void IdIndex::insert(MessageIndex message) {
    if ((size_ + 1) * 4 > table_.size() * 3) grow();
    const std::size_t mask = table_.size() - 1;
    std::size_t i = home(messages_[message].id);
    while (table_[i] != kNone)
        i = (i + 1) & mask;
    table_[i] = message;
    ++size_;
}

void IdIndex::erase(spool::MessageId id) {
    const std::size_t mask = table_.size() - 1;
    std::size_t hole = home(id);
    while (table_[hole] != kNone && messages_[table_[hole]].id != id)
        hole = (hole + 1) & mask;
    if (table_[hole] == kNone) return;
    --size_;
    // Close the hole: every later entry of the run moves up unless that would put it before its home.
    for (std::size_t i = (hole + 1) & mask; table_[i] != kNone; i = (i + 1) & mask) {
        const std::size_t from_home = (i - home(messages_[table_[i]].id)) & mask;
        if (from_home >= ((i - hole) & mask)) {
            table_[hole] = table_[i];
            hole = i;
        }
    }
    table_[hole] = kNone;
}

void IdIndex::grow() {
    const std::vector<MessageIndex> old = std::exchange(table_, {});
    table_.assign(old.size() * 2, kNone);
    size_ = 0;
    for (const MessageIndex message : old) {
        if (message != kNone) insert(message);
    }
}

}  // namespace posthouse::queue
