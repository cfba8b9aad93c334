// The date-time of mail headers, in UTC: "Thu, 01 Jan 1970 00:00:00 +0000". Pure.
//
// RFC 5322 3.3: four-digit years; instants before 1970 or after 9999 are written as the nearest one inside.
#pragma once

#include "protocol/time.h"

#include <cstddef>
#include <string>

namespace posthouse::protocol {

inline constexpr std::size_t kDateLength = 31;

void append_date(std::string& out, TimePoint at);
[[nodiscard]] std::string format_date(TimePoint at);

}  // namespace posthouse::protocol
