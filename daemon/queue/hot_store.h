// HotStore: the contents of messages that were just accepted and may leave at once, so that they are not read
// back from the spool. Within a budget of octets: when it is spent, newer messages are not kept. One owner.
#pragma once

#include "daemon/queue/slab.h"
#include "daemon/spool/spool.h"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace posthouse::queue {

class HotStore {
  public:
    explicit HotStore(std::size_t budget) : budget_(budget) {}

    // The place it is kept at; kNone if the budget does not allow it.
    [[nodiscard]] std::uint32_t keep(spool::StoredPtr stored) {
        const std::size_t cost = cost_of(*stored);
        if (cost > budget_ - used_) return kNone;
        used_ += cost;
        if (free_.empty()) {
            places_.push_back(std::move(stored));
            return static_cast<std::uint32_t>(places_.size() - 1);
        }
        const std::uint32_t place = free_.back();
        free_.pop_back();
        places_[place] = std::move(stored);
        return place;
    }
    void drop(std::uint32_t& place) {
        if (place == kNone) return;
        used_ -= cost_of(*places_[place]);
        places_[place] = nullptr;
        free_.push_back(place);
        place = kNone;
    }
    [[nodiscard]] spool::StoredPtr get(std::uint32_t place) const {
        return place == kNone ? nullptr : places_[place];
    }
    [[nodiscard]] std::size_t used() const { return used_; }

  private:
    // An envelope is not free either: counted flat, with its recipients.
    static std::size_t cost_of(const spool::Stored& stored) {
        return stored.content.size() + 512 + 128 * stored.accepted.envelope.recipients.size();
    }

    std::size_t budget_;
    std::size_t used_ = 0;
    std::vector<spool::StoredPtr> places_;
    std::vector<std::uint32_t> free_;
};

}  // namespace posthouse::queue
