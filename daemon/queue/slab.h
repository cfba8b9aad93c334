// Slab: entries of one size, addressed by a 32-bit index that stays the same for an entry's life.
//
// Grows by whole chunks and never moves an entry, so there is neither the slack nor the copying of a growing
// vector: the fixed cost per queued message (design.md, promise 8) is the size of its entries. Freed entries
// are chained through T::link(), a field that is otherwise in use. T is trivially destructible. One owner.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

namespace posthouse::queue {

inline constexpr std::uint32_t kNone = 0xFFFFFFFFU;  // no entry

template <class T>
class Slab {
    static_assert(std::is_trivially_destructible_v<T>);

  public:
    [[nodiscard]] std::uint32_t allocate() {
        ++live_;
        if (free_ != kNone) {
            const std::uint32_t index = free_;
            free_ = (*this)[index].link();
            (*this)[index] = T{};
            return index;
        }
        if (used_ == chunks_.size() * kChunk) chunks_.push_back(std::make_unique<T[]>(kChunk));
        return used_++;
    }

    void release(std::uint32_t index) {
        (*this)[index] = T{};
        (*this)[index].link() = free_;
        free_ = index;
        --live_;
    }

    [[nodiscard]] T& operator[](std::uint32_t index) { return chunks_[index / kChunk][index % kChunk]; }
    [[nodiscard]] const T& operator[](std::uint32_t index) const {
        return chunks_[index / kChunk][index % kChunk];
    }

    [[nodiscard]] std::uint32_t live() const { return live_; }
    // Every index handed out so far is below this, freed ones too.
    [[nodiscard]] std::uint32_t end() const { return used_; }

  private:
    static constexpr std::uint32_t kChunk = 1024;

    std::vector<std::unique_ptr<T[]>> chunks_;
    std::uint32_t free_ = kNone;
    std::uint32_t used_ = 0;
    std::uint32_t live_ = 0;
};

}  // namespace posthouse::queue
