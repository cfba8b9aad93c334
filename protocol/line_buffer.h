// LineBuffer: bytes from a socket in, command lines out; and raw access to the same bytes while content
// arrives.
//
// Only CRLF ends a line (RFC 5321 2.3.8); a CR or LF alone stays inside the line and is flagged, so that it
// cannot be taken for a second command. A line longer than the cap (CRLF included) is reported once, as soon
// as it is known, and the rest of it is swallowed up to its CRLF without being stored: memory stays at cap +
// one append. Any split of the same input gives the same lines. Views are valid until the next append() or
// clear().
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse::protocol {

struct Line {
    std::string_view text;  // without its CRLF; empty if too_long
    bool too_long = false;
    bool bare_newline = false;  // a CR or LF stands alone inside the line
};

class LineBuffer {
  public:
    explicit LineBuffer(std::size_t cap) : cap_(cap) {}

    void append(std::string_view bytes);  // copies
    [[nodiscard]] std::optional<Line> next_line();

    // Raw access between lines: everything not yet consumed, and the first octets of it.
    [[nodiscard]] std::string_view buffered() const { return std::string_view(bytes_).substr(begin_); }
    [[nodiscard]] bool empty() const { return begin_ == bytes_.size(); }
    // Consumes and returns up to `n` octets.
    [[nodiscard]] std::string_view take(std::size_t n);
    void consume(std::size_t n);  // n <= buffered().size()

    // Forgets everything (RFC 3207 4.2: nothing that came in clear is used after the handshake).
    void clear();
    // Overwrites what has been consumed, when it held a secret (AUTH lines).
    void wipe_consumed();

  private:
    void forget_search();

    std::size_t cap_;
    std::string bytes_;
    std::size_t begin_ = 0;     // first octet not consumed
    std::size_t searched_ = 0;  // first octet, from begin_, not yet searched for LF
    bool bare_seen_ = false;    // a bare LF was passed in the current line
    bool swallowing_ = false;   // the current line was too long: drop up to its CRLF
};

}  // namespace posthouse::protocol
