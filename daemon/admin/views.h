// The JSON of the admin API: wire forms, made from snapshots of the queue and from spool records. Pure.
#pragma once

#include "daemon/queue/queue.h"
#include "daemon/spool/record.h"
#include "daemon/spool/spool.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace posthouse::admin {

[[nodiscard]] std::string time_text(TimePoint at);                 // RFC 3339, "" for the epoch
[[nodiscard]] std::string_view to_string(queue::Waiting waiting);  // "retry"

// A row of the queue. `accepted`: null if it could not be read from the spool.
[[nodiscard]] boost::json::object queue_row(const queue::View& view, const spool::Accepted* accepted);
// The whole message; `chain` is newest first, as the spool gives it.
[[nodiscard]] boost::json::object message_view(const queue::View& view, const spool::Accepted& accepted,
                                               const std::vector<spool::Record>& chain);
[[nodiscard]] boost::json::object upstream_view(const queue::UpstreamView& upstream);

}  // namespace posthouse::admin
