// RecipientSets: which recipients of its message a job carries. MarkLists: how each recipient stands.
//
// Both keep nothing for the common message of one recipient: a set of one recipient is its own index, a
// message of one recipient has its mark in the entry. Longer ones are vectors in a table addressed by 32
// bits. One owner.
#pragma once

#include "daemon/queue/entry.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace posthouse::queue {

// A table of vectors whose places are used again.
template <class T>
class VectorTable {
  public:
    [[nodiscard]] std::uint32_t put(std::vector<T> values) {
        if (free_.empty()) {
            rows_.push_back(std::move(values));
            return static_cast<std::uint32_t>(rows_.size() - 1);
        }
        const std::uint32_t row = free_.back();
        free_.pop_back();
        rows_[row] = std::move(values);
        return row;
    }
    void release(std::uint32_t row) {
        rows_[row] = std::vector<T>();
        free_.push_back(row);
    }
    [[nodiscard]] std::vector<T>& operator[](std::uint32_t row) { return rows_[row]; }
    [[nodiscard]] const std::vector<T>& operator[](std::uint32_t row) const { return rows_[row]; }

  private:
    std::vector<std::vector<T>> rows_;
    std::vector<std::uint32_t> free_;
};

class RecipientSets {
  public:
    // `recipients`: not empty, ascending.
    [[nodiscard]] std::uint32_t put(std::vector<std::uint16_t> recipients) {
        return recipients.size() == 1 ? kOnly | recipients.front() : lists_.put(std::move(recipients));
    }
    void release(std::uint32_t set) {
        if ((set & kOnly) == 0) lists_.release(set);
    }
    [[nodiscard]] std::size_t size(std::uint32_t set) const {
        return (set & kOnly) != 0 ? 1 : lists_[set].size();
    }
    [[nodiscard]] std::vector<std::uint16_t> get(std::uint32_t set) const {
        if ((set & kOnly) == 0) return lists_[set];
        return {static_cast<std::uint16_t>(set & 0xFFFFU)};
    }
    // The first `count` recipients leave; `set` becomes the set of the others. `count` is less than its size.
    [[nodiscard]] std::vector<std::uint16_t> take_first(std::uint32_t& set, std::size_t count) {
        std::vector<std::uint16_t>& all = lists_[set];
        const auto cut = all.begin() + static_cast<std::ptrdiff_t>(count);
        std::vector<std::uint16_t> taken(all.begin(), cut);
        all.erase(all.begin(), cut);
        if (all.size() == 1) {
            const std::uint16_t last = all.front();
            lists_.release(set);
            set = kOnly | last;
        }
        return taken;
    }

  private:
    static constexpr std::uint32_t kOnly = 0x80000000U;  // the low 16 bits are the recipient
    VectorTable<std::uint16_t> lists_;
};

class MarkLists {
  public:
    void keep(Message& message, std::vector<RecipientMark> marks) {
        if (marks.size() == 1) {
            message.mark = marks.front();
        } else {
            message.marks = lists_.put(std::move(marks));
        }
    }
    void release(Message& message) {
        if (message.marks != kNone) lists_.release(message.marks);
        message.marks = kNone;
    }
    [[nodiscard]] RecipientMark& at(Message& message, std::uint16_t recipient) {
        return message.marks == kNone ? message.mark : lists_[message.marks][recipient];
    }
    [[nodiscard]] const RecipientMark& at(const Message& message, std::uint16_t recipient) const {
        return message.marks == kNone ? message.mark : lists_[message.marks][recipient];
    }

  private:
    VectorTable<RecipientMark> lists_;
};

}  // namespace posthouse::queue
