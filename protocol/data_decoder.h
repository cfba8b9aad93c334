// DataDecoder: the octets behind DATA in, message content out, until CRLF.CRLF and nothing else ends it.
//
// Fed any split. Content comes as views into the input where possible (else to a constant), so a message
// without leading dots is never copied. Use:
//
//     while (!input.empty() && !decoder.done()) {
//         auto step = decoder.step(input);
//         input.remove_prefix(step.consumed);       // may be 0, but then the decoder has moved on
//         use(step.content);                        // may be empty; valid as long as input
//     }
//
// What stays in `input` after done() is the next command. A bare CR or LF never counts as a line end when the
// final dot is sought, under either policy (SMTP smuggling). BareNewlines::Reject: bare_newline() becomes
// true, content stops at that point, the rest is swallowed up to the real end. Normalize: each bare CR and
// each bare LF becomes one CRLF; CR CR LF gives two. NUL passes: content is 8-bit clean, as RFC 5321 4.5.2
// wants; it is counted for whoever minds. The result ends with CRLF, or is empty.
//
// RFC 5321 2.3.8, 4.1.1.4 (end of data), 4.5.2 (transparency).
#pragma once

#include "protocol/bare_newlines.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace posthouse::protocol {

class DataDecoder {
  public:
    struct Step {
        std::size_t consumed = 0;
        std::string_view content;
    };

    explicit DataDecoder(BareNewlines policy) : policy_(policy) {}

    [[nodiscard]] Step step(std::string_view input);

    [[nodiscard]] bool done() const { return state_ == State::Done; }
    [[nodiscard]] bool bare_newline() const { return bare_newline_; }  // seen, whatever the policy
    [[nodiscard]] std::uint64_t octets() const { return octets_; }     // of content given out
    [[nodiscard]] std::uint64_t nul_octets() const { return nul_octets_; }

  private:
    // LineStart: behind a real CRLF, or at the very start. Cr: a CR is held back. Dot, DotCr: "." or ".CR" at
    // a line start is held back.
    enum class State : std::uint8_t { LineStart, Middle, Cr, Dot, DotCr, Done };

    [[nodiscard]] Step give(std::size_t consumed, std::string_view content);
    [[nodiscard]] Step step_middle(std::string_view input);
    [[nodiscard]] Step bare(std::size_t consumed);
    [[nodiscard]] bool swallowing() const { return bare_newline_ && policy_ == BareNewlines::Reject; }

    BareNewlines policy_;
    State state_ = State::LineStart;
    bool bare_newline_ = false;
    std::uint64_t octets_ = 0;
    std::uint64_t nul_octets_ = 0;
};

}  // namespace posthouse::protocol
