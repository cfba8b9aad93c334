// Builds bounces: the multipart/report that tells a sender what became of recipients. One function, pure.
//
// Three parts: words for a person (what happened, what to do), message/delivery-status for programs, and the
// header of the original (or all of it). The result has CRLF line ends, no line above 998 octets, and is
// 7-bit unless an address or the original forces UTF-8. Text from upstreams cannot leave its field: control
// octets become '?', long text is folded.
//
// RFC 3464 (delivery status), 6522 (multipart/report), 3461 6 (what DSN parameters ask for), 6533 (UTF-8),
// 3834 (Auto-Submitted). The envelope of a bounce is MAIL FROM:<>, RCPT TO:<sender>; never build one for <>.
#pragma once

#include "protocol/reply.h"
#include "protocol/time.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::protocol {

enum class BounceAction : std::uint8_t {
    Failed,   // refused for good
    Expired,  // not accepted by anyone in the time we keep mail; `reply` is the last answer
    Delayed,  // still being tried
    Relayed,  // handed to a server that makes no reports of its own (NOTIFY=SUCCESS)
};

struct BounceRecipient {
    std::string address;
    std::string original_recipient;  // ORCPT as received (xtext), empty if absent
    BounceAction action = BounceAction::Failed;
    Reply reply;                           // code 0: there was none, `text` may hold our own words
    std::string remote_host;               // who gave the reply; empty: we did
    TimePoint last_attempt{};              // epoch: never tried
    std::optional<TimePoint> retry_until;  // Delayed: when we give up
};

struct Bounce {
    std::string_view hostname;     // of this relay
    std::string_view sender;       // the envelope sender, who gets the bounce
    std::string_view envelope_id;  // ENVID as received (xtext), empty if absent
    std::string_view queue_id;     // of the original, for people who ask us
    std::string_view message_id;   // of the bounce, with <>
    TimePoint arrival{};           // of the original
    TimePoint now{};
    std::uint64_t random = 0;                 // makes the boundary
    bool smtputf8 = false;                    // the original was submitted with SMTPUTF8
    std::vector<BounceRecipient> recipients;  // at least one

    std::string_view original;    // the header of the original, or all of it; empty: nothing is returned
    std::size_t header_size = 0;  // its header, with the empty line
    bool return_full = false;     // RET=FULL; done if `original` is not longer than kMaxReturnedContent
};

// Original content longer than this is never returned whole, and headers are cut at kMaxReturnedHeader.
inline constexpr std::size_t kMaxReturnedContent = 1U << 20U;
inline constexpr std::size_t kMaxReturnedHeader = 64U << 10U;

struct BuiltBounce {
    std::string content;
    std::size_t header_size = 0;
    bool eight_bit = false;
    bool utf8_header = false;  // the bounce must be sent with SMTPUTF8
};

[[nodiscard]] BuiltBounce build_bounce(const Bounce& bounce);

// The enhanced code of a report's Status field: the reply's own if it fits its code, else X.0.0; 4.4.7 if
// expired.
[[nodiscard]] EnhancedCode bounce_status(const BounceRecipient& recipient);

}  // namespace posthouse::protocol
