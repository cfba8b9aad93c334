// The closed list of what happens to messages and upstreams, as told to logs, alerts and later the live
// stream. Plain data; the writer of logs decides the form. Each kind is documented in docs/operations.md.
#pragma once

#include "daemon/spool/record.h"
#include "protocol/client_dialogue.h"
#include "protocol/reply.h"
#include "protocol/time.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::queue {

enum class EventKind : std::uint8_t {
    Queued,     // in the queue, with its route
    Attempt,    // offered to an upstream
    Delivered,  // recipients for which the upstream took responsibility
    Deferred,   // recipients that stay, with the next try
    Failed,     // recipients given up because of a reply
    Expired,    // recipients given up because of age
    Uncertain,  // the final reply was lost; what the policy does
    Held,       // waits for the operator
    GivenBack,  // an attempt that did not begin
    Finished,   // nothing left to do
    BounceWanted,
    BounceFailed,    // a bounce could not be delivered: told, never bounced again
    UpstreamPaused,  // alert: with reason, until when
    UpstreamProbe,   // the pause is over, one connection is tried
    UpstreamResumed,
    QuotaReached,     // a limit is spent; `until` says when the next one frees
    UpstreamUnknown,  // recovery found state of an upstream that is not configured
    SpoolError,       // a record could not be written
};
[[nodiscard]] std::string_view to_string(EventKind kind);  // "upstream_paused"

struct Event {
    EventKind kind = EventKind::Queued;
    TimePoint at{};
    spool::MessageId id{};                  // 0: about an upstream
    std::string upstream;                   // empty: none
    std::vector<std::uint16_t> recipients;  // indexes into the envelope
    std::uint32_t attempt = 0;
    protocol::Stage stage = protocol::Stage::Connect;
    protocol::Reply reply;
    TimePoint until{};   // next try, end of the pause
    std::string text;    // words for a person
    bool alert = false;  // an operator should look
};

}  // namespace posthouse::queue
