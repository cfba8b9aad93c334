// What the queue keeps of a message: one Message and, per group of recipients that travels together, one Job.
//
// A message of one recipient costs one Message, one Job and a place in IdIndex: about 112 octets, nothing of
// it allocated singly. Addresses, replies and content are in the spool, not here.
//
// A job is a set of recipients of one message that share route, number of attempts and due time. Splitting
// for max_recipients, for a limit, or because an upstream took some recipients and deferred others makes more
// jobs of it; a recipient that is not final is in exactly one job.
#pragma once

#include "daemon/queue/slab.h"
#include "daemon/spool/record.h"
#include "protocol/time.h"

#include <cstdint>

namespace posthouse::queue {

using UpstreamIndex = std::uint32_t;  // into Settings::upstreams
using MessageIndex = std::uint32_t;
using JobIndex = std::uint32_t;
using LaneIndex = std::uint32_t;

// The standing of one recipient in one octet.
struct RecipientMark {
    spool::RecipientState state : 4 = spool::RecipientState::Pending;
    bool report : 1 = false;  // failure is to be reported to the sender (NOTIFY, RFC 3461 4.1)
};
static_assert(sizeof(RecipientMark) == 1);

struct Message {
    spool::MessageId id;       // 0: a free entry
    spool::Location location;  // Accepted or Carried
    spool::Location newest;    // newest record whose place is known
    TimePoint accepted_at{};
    JobIndex first_job = kNone;
    std::uint32_t hot = kNone;    // place in HotStore
    std::uint32_t marks = kNone;  // place in MarkLists; unused with one recipient
    std::uint32_t size = 0;       // octets of content, 4 GiB - 1 at most
    std::uint16_t recipients = 0;
    std::uint16_t open = 0;       // recipients that are not final
    RecipientMark mark;           // of the only recipient
    bool bounceable : 1 = false;  // a failure may be reported to the sender
    bool no_sender : 1 = false;   // a bounce, or from <>: its failure is an event, never another bounce
    bool recovered : 1 = false;   // no attempt was recorded since the start
    bool bouncing : 1 = false;    // every recipient is final; waits for bounce_stored()

    [[nodiscard]] std::uint32_t& link() { return first_job; }
};
static_assert(sizeof(Message) <= 56);

enum class JobState : std::uint8_t {
    Ready,     // in its lane
    Waiting,   // in the timing wheel until it is due
    InFlight,  // with a connection
    Held,      // waits for the operator
};

struct Job {
    MessageIndex message = kNone;
    JobIndex sibling = kNone;  // next job of the same message
    JobIndex lane_prev = kNone;
    JobIndex lane_next = kNone;
    std::uint32_t wheel_prev = kNone;  // kNone: not in the wheel
    std::uint32_t wheel_next = kNone;
    TimePoint due{};               // since when, or from when on, it can go
    std::uint32_t recipients = 0;  // see RecipientSets
    LaneIndex lane = 0;
    std::uint16_t attempts = 0;   // transactions so far, the running one included
    std::uint16_t last_code = 0;  // of the newest 4xx, for the words of expiry
    JobState state = JobState::Ready;
    std::uint8_t soon = 0;  // retries without a wait in a row (RetrySoon)

    [[nodiscard]] std::uint32_t& link() { return sibling; }
};
static_assert(sizeof(Job) <= 48);

}  // namespace posthouse::queue
