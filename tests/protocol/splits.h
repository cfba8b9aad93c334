// The ways in which a test cuts one input into pieces, since no parser may care: whole, octet by octet, and
// at every single place.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace posthouse::protocol::testing {

using Pieces = std::vector<std::string_view>;

[[nodiscard]] inline Pieces octet_by_octet(std::string_view input) {
    Pieces pieces;
    for (std::size_t i = 0; i < input.size(); ++i)
        pieces.push_back(input.substr(i, 1));
    return pieces;
}

[[nodiscard]] inline std::vector<Pieces> all_splits(std::string_view input) {
    std::vector<Pieces> splits{Pieces{input}, octet_by_octet(input)};
    for (std::size_t at = 1; at < input.size(); ++at)
        splits.push_back({input.substr(0, at), input.substr(at)});
    return splits;
}

}  // namespace posthouse::protocol::testing
