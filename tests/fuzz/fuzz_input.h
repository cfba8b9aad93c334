// What the fuzz targets share: a check that stays in every build type, and cutting one input into pieces as
// the fuzzer likes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace posthouse::fuzz {

inline void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "invariant broken: %s\n", what);
    std::abort();
}

// Takes numbers from the front of the fuzzer's bytes; the rest is the input proper.
class Input {
  public:
    // libFuzzer gives unsigned octets; the code under test reads text.
    Input(const std::uint8_t* data, std::size_t size)
        : rest_(size == 0 ? "" : reinterpret_cast<const char*>(data), size) {}

    [[nodiscard]] std::uint8_t number() {
        if (rest_.empty()) return 0;
        const auto value = static_cast<std::uint8_t>(rest_[0]);
        rest_.remove_prefix(1);
        return value;
    }
    [[nodiscard]] std::string_view rest() const { return rest_; }

  private:
    std::string_view rest_;
};

// `text` in pieces whose lengths follow from `seed`; 0: octet by octet.
[[nodiscard]] inline std::vector<std::string_view> cut(std::string_view text, std::uint8_t seed) {
    std::vector<std::string_view> pieces;
    std::uint32_t state = seed;
    while (!text.empty()) {
        state = state * 1664525U + 1013904223U;
        const std::size_t length = seed == 0 ? 1 : 1 + (state >> 24U) % (seed + 1U);
        pieces.push_back(text.substr(0, length));
        text.remove_prefix(pieces.back().size());
    }
    return pieces;
}

}  // namespace posthouse::fuzz
