// CompactMap: MessageId -> small value, for a million entries: open addressing in one array, 7/8 full at
// most, growing by a quarter, so that an entry costs 1.15 to 1.45 times its own size and nothing else.
//
// Id 0 is no message and marks a free slot. References are valid until the next insert or erase.
#pragma once

#include "daemon/spool/message_id.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace posthouse::spool {

template <class Value>
class CompactMap {
  public:
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::size_t bytes() const { return slots_.capacity() * sizeof(Slot); }

    [[nodiscard]] Value* find(MessageId id) {
        const std::size_t at = index_of(id.value);
        return at == slots_.size() ? nullptr : &slots_[at].value;
    }

    // Replaces what is there.
    Value& insert(MessageId id, Value value) {
        if (Value* existing = find(id)) {
            *existing = value;
            return *existing;
        }
        if (slots_.size() < kSmallest || (size_ + 1) * 8 > slots_.size() * 7) {
            rehash(slots_.size() + slots_.size() / 4 + kSmallest);
        }
        ++size_;
        return place(id.value, value);
    }

    bool erase(MessageId id) {
        std::size_t hole = index_of(id.value);
        if (hole == slots_.size()) {
            return false;
        }
        // The entries behind it move up, so that no search ends too early and no tombstones pile up.
        for (std::size_t at = after(hole); slots_[at].id != 0; at = after(at)) {
            const std::size_t wanted = home(slots_[at].id);
            const bool may_move =
                hole <= at ? (wanted <= hole || wanted > at) : (wanted <= hole && wanted > at);
            if (may_move) {
                slots_[hole] = slots_[at];
                hole = at;
            }
        }
        slots_[hole] = Slot{};
        --size_;
        if (slots_.size() > kSmallest * 64 && size_ * 4 < slots_.size()) {
            rehash(slots_.size() / 2);
        }
        return true;
    }

    void reserve(std::size_t count) {
        if (const std::size_t wanted = count + count / 6 + kSmallest; wanted > slots_.size()) {
            rehash(wanted);
        }
    }

    template <class Function>
    void for_each(Function function) const {
        for (const auto& slot : slots_) {
            if (slot.id != 0) {
                function(MessageId{slot.id}, slot.value);
            }
        }
    }

  private:
    static constexpr std::size_t kSmallest = 16;
    struct Slot {
        std::uint64_t id = 0;
        Value value{};
    };

    [[nodiscard]] std::size_t home(std::uint64_t id) const {
        // Ids rise in small steps: spread them over all 64 bits, then scale to the size of the table.
        std::uint64_t hash = id * 0x9E3779B97F4A7C15ULL;
        hash ^= hash >> 32U;
        hash *= 0xD6E8FEB86659FD93ULL;
        __extension__ using Wide = unsigned __int128;
        return static_cast<std::size_t>(Wide{hash} * slots_.size() >> 64U);
    }
    // Where it is; slots_.size() if it is not there.
    [[nodiscard]] std::size_t index_of(std::uint64_t id) const {
        if (slots_.empty() || id == 0) {
            return slots_.size();
        }
        for (std::size_t at = home(id);; at = after(at)) {
            if (slots_[at].id == id) {
                return at;
            }
            if (slots_[at].id == 0) {
                return slots_.size();
            }
        }
    }
    [[nodiscard]] std::size_t after(std::size_t at) const { return at + 1 == slots_.size() ? 0 : at + 1; }

    Value& place(std::uint64_t id, const Value& value) {
        std::size_t at = home(id);
        while (slots_[at].id != 0) {
            at = after(at);
        }
        slots_[at] = Slot{id, value};
        return slots_[at].value;
    }

    void rehash(std::size_t count) {
        std::vector<Slot> old(count);
        old.swap(slots_);
        for (const auto& slot : old) {
            if (slot.id != 0) {
                place(slot.id, slot.value);
            }
        }
    }

    std::vector<Slot> slots_;
    std::size_t size_ = 0;
};

}  // namespace posthouse::spool
