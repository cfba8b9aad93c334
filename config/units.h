// Quantities as people write them in the configuration and on the command line.
//
// Pure functions of their text; every parser takes the whole text or complains about it. to_string gives a
// text that parses to the same value.
#pragma once

#include "config/fault.h"
#include "config/schema.h"
#include "protocol/time.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace posthouse::config {

// "30s", "5m", "4h", "5d", "1w", "250ms", and joined: "1h30m". A bare number is refused: of what?
[[nodiscard]] Parsed<Duration> parse_duration(std::string_view text);
[[nodiscard]] std::string to_string(Duration duration);

// Octets: "25MiB" (1024), "30MB" (1000), "512KiB", "100".
[[nodiscard]] Parsed<std::uint64_t> parse_size(std::string_view text);
[[nodiscard]] std::string size_to_string(std::uint64_t octets);

// "10%", "2.5%" as a share of 1; from 0 to 100 with at most two decimals.
[[nodiscard]] Parsed<double> parse_percent(std::string_view text);
[[nodiscard]] std::string percent_to_string(double share);

// "500 recipients / day", "14 recipients/second", "1000 messages / 15 minutes", "500 recipients / 1d".
[[nodiscard]] Parsed<Limit> parse_limit(std::string_view text);

// A whole number in [least, most], decimal digits only.
[[nodiscard]] Parsed<std::uint64_t> parse_count(std::string_view text, std::uint64_t least,
                                                std::uint64_t most);

}  // namespace posthouse::config
