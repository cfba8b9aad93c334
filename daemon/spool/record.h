// The records of the spool: what is remembered of a message and of an upstream, and their byte form.
//
// Pure: bytes <-> structs, no files. docs/spool-format.md gives the layout; type numbers are never reused.
// Every message record names the record before it of the same message (`previous`), so the chain from the
// newest back to Accepted (or Carried) is the timeline of the message.
#pragma once

#include "daemon/spool/message_id.h"
#include "protocol/envelope.h"
#include "protocol/reply.h"
#include "protocol/result.h"
#include "protocol/time.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace posthouse::spool {

// Where a record lies. segment 0 means "nowhere".
struct Location {
    std::uint32_t segment = 0;
    std::uint32_t offset = 0;
    friend bool operator==(const Location&, const Location&) = default;
    [[nodiscard]] bool valid() const { return segment != 0; }
};

// Facts about the content, found while it was taken in; enough to route and relay without reading it again.
struct ContentFacts {
    std::uint64_t size = 0;         // octets as stored: trace headers included, CRLF ends, not dot-stuffed
    std::uint32_t header_size = 0;  // octets up to and including the empty line
    bool eight_bit = false;         // has octets >= 0x80 anywhere
    bool utf8_header = false;       // has octets >= 0x80 in the header
    std::string message_id;         // value of Message-ID without <>; empty if none could be read
    friend bool operator==(const ContentFacts&, const ContentFacts&) = default;
};

// An accepted message. The content follows inline in the segment, or lies in a file of its own.
struct Accepted {
    MessageId id;
    TimePoint accepted_at{};
    protocol::Envelope envelope;
    ContentFacts facts;
    std::string login;       // empty: by network
    std::string client;      // "127.0.0.1", "unix", "bounce"
    bool is_bounce = false;  // made here; failing makes an event, never another bounce
    bool external = false;   // content in a file of its own
    friend bool operator==(const Accepted&, const Accepted&) = default;
};

enum class RecipientState : std::uint8_t { Pending, Delivered, Failed, Expired, Held };

// What became of one recipient in one attempt (or by expiry).
struct RecipientOutcome {
    std::uint16_t index = 0;                         // into Accepted::envelope.recipients
    RecipientState state = RecipientState::Pending;  // Pending: deferred
    bool uncertain = false;                          // the final reply was lost
    protocol::Reply reply;                           // of the upstream, or our own words with code 0..599
    friend bool operator==(const RecipientOutcome&, const RecipientOutcome&) = default;
};

// A message is about to be offered to an upstream. Written before the upstream sees it ("record before act").
// For an upstream with limits it carries the charge and is durable before the act.
struct Attempt {
    MessageId id;
    Location previous;
    TimePoint at{};
    std::string upstream;
    std::uint32_t number = 1;      // 1 is the first
    TimePoint next_due{};          // when it would be tried again if we crashed now
    std::uint32_t recipients = 0;  // charged to the limits: 1 message, this many recipients; 0: no charge
    friend bool operator==(const Attempt&, const Attempt&) = default;
};

// Results. `finished`: every recipient is final and nothing of the message is needed any more.
struct Outcome {
    MessageId id;
    Location previous;
    TimePoint at{};
    std::string upstream;  // empty: expiry or an operator
    std::vector<RecipientOutcome> recipients;
    TimePoint next_due{};  // for those still pending
    bool finished = false;
    friend bool operator==(const Outcome&, const Outcome&) = default;
};

// The state of one recipient as it stands, with the last reply it got.
struct RecipientStanding {
    RecipientState state = RecipientState::Pending;
    protocol::Reply reply;
    friend bool operator==(const RecipientStanding&, const RecipientStanding&) = default;
};

// A live message moved to a newer segment so that an old one can go: Accepted (content follows as there) plus
// how it stands. Replaces everything older of this message.
struct Carried {
    Accepted accepted;
    std::vector<RecipientStanding> recipients;
    std::uint32_t attempts = 0;
    TimePoint next_due{};
    friend bool operator==(const Carried&, const Carried&) = default;
};

// Everything durable about an upstream, as a whole: replaces what older records said. Written when a segment
// starts and when a pause changes.
struct LimitUse {
    std::uint64_t window_ms = 0;
    std::uint8_t unit = 0;  // config::LimitUnit
    // (start of bucket, used): sums of charges, oldest first
    std::vector<std::pair<TimePoint, std::uint64_t>> used;
    friend bool operator==(const LimitUse&, const LimitUse&) = default;
};
struct UpstreamState {
    std::string upstream;
    TimePoint at{};
    TimePoint paused_until{};           // epoch: not paused
    std::uint32_t failures_in_row = 0;  // position in the `recovery` list
    std::string reason;                 // why it is paused; empty if it is not
    std::vector<LimitUse> limits;
    friend bool operator==(const UpstreamState&, const UpstreamState&) = default;
};

// The daemon stopped in good order: everything before this was settled.
struct Stopped {
    TimePoint at{};
    friend bool operator==(const Stopped&, const Stopped&) = default;
};

using Record = std::variant<Accepted, Attempt, Outcome, Carried, UpstreamState, Stopped>;

// On disk; never reused. The order is that of the variant.
enum class RecordType : std::uint8_t {
    Accepted = 1,
    Attempt = 2,
    Outcome = 3,
    Carried = 4,
    UpstreamState = 5,
    Stopped = 6,
};
[[nodiscard]] std::string_view to_string(RecordType type);  // "accepted", "upstream-state"
[[nodiscard]] RecordType type_of(const Record& record);

// The byte form of one record, without frame and content: decode_record(type_of(r), encoded r) == r. Strict:
// every octet must be used, every value in range.
void append_record(std::string& out, const Record& record);
void append_accepted(std::string& out,
                     const Accepted& accepted);  // as the Record of that type, without a copy
[[nodiscard]] Result<Record> decode_record(RecordType type, std::string_view bytes);

// The fixed fields at the front of Accepted and Carried, without decoding the rest. Nothing for other types.
struct AcceptedFront {
    MessageId id;
    TimePoint accepted_at{};
    bool external = false;
};
[[nodiscard]] std::optional<AcceptedFront> peek_accepted(RecordType type, std::string_view bytes);

// What stands at the front of every message record, without decoding the rest. Nothing for other types.
[[nodiscard]] std::optional<MessageId> peek_message_id(RecordType type, std::string_view bytes);

}  // namespace posthouse::spool
