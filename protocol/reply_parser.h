// ReplyParser: bytes from an upstream in, replies out; fed any split, any number of replies at once
// (pipelining).
//
// Tolerant of what servers in the field do (LF alone as line end, lines longer than 512 octets, 8-bit text,
// no text) and firm on what would leave the two sides out of step or exhaust memory: those are faults, and
// after a fault the parser stays faulty, because nobody knows where the next reply begins. Control octets in
// the text become '?' (a tab a space), so no terminal, log or header can be steered by a peer. The enhanced
// code is moved from the text to Reply::enhanced if its class fits the code; on further lines it is removed
// if it is the same.
//
// RFC 5321 4.2 (replies), 4.5.3.1.5 (512 octets); RFC 2034 4 (enhanced codes).
#pragma once

#include "protocol/reply.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse::protocol {

enum class ReplyFault : std::uint8_t {
    BadLine,       // not three digits 200..599 followed by space, '-' or the end of the line
    CodeChanged,   // another code inside a multi-line reply
    LineTooLong,   // > kMaxLine
    TooManyLines,  // > kMaxLines
    TooLarge,      // > kMaxReply
};
[[nodiscard]] std::string_view to_string(ReplyFault fault);  // "sent a line that is no SMTP reply"

class ReplyParser {
  public:
    static constexpr std::size_t kMaxLine = 4096;                     // octets with line end
    static constexpr std::size_t kMaxLines = 200;                     // of one reply
    static constexpr std::size_t kMaxReply = std::size_t{64} * 1024;  // octets of one reply

    void feed(std::string_view bytes);  // copies; call next() until it gives nothing
    // The next complete reply, or the fault; nothing if more bytes are needed.
    [[nodiscard]] std::optional<std::expected<Reply, ReplyFault>> next();

    // Octets were received that no returned reply accounts for (RFC 3207: must be none behind the answer to
    // STARTTLS).
    [[nodiscard]] bool has_leftover() const;
    // The first octets of what could not be parsed, for the log; meaningful after a fault.
    [[nodiscard]] std::string_view leftover() const;
    void clear();

  private:
    [[nodiscard]] std::optional<ReplyFault> take_line(std::string_view line, bool& complete);

    std::string bytes_;
    std::size_t begin_ = 0;     // first octet not consumed
    std::size_t searched_ = 0;  // first octet, from begin_, not yet searched for LF
    Reply reply_;               // being gathered; lines_ > 0 while in the middle
    std::size_t lines_ = 0;
    std::size_t octets_ = 0;
    std::optional<ReplyFault> fault_;
};

}  // namespace posthouse::protocol
