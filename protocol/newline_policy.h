// NewlinePolicy: content that comes in counted chunks (BDAT) under the same rules for bare CR and LF as DATA,
// so that what is in the spool has only CRLF line ends whichever way it came.
//
// One object per message, fed the octets of all its chunks in any split, then finish(). step() as in
// DataDecoder. A CR at the end of a chunk waits for the LF of the next. Content that does not end with CRLF
// gets one, since it could not be sent by DATA otherwise; empty content stays empty.
//
// RFC 3030 2 (a chunk may end anywhere), RFC 5321 2.3.8.
#pragma once

#include "protocol/bare_newlines.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace posthouse::protocol {

class NewlinePolicy {
  public:
    struct Step {
        std::size_t consumed = 0;
        std::string_view content;
    };

    explicit NewlinePolicy(BareNewlines policy) : policy_(policy) {}

    [[nodiscard]] Step step(std::string_view input);  // input not empty
    // What must follow the content: "" or CRLF. Call once, behind the last chunk.
    [[nodiscard]] std::string_view finish();

    [[nodiscard]] bool bare_newline() const { return bare_newline_; }
    [[nodiscard]] std::uint64_t octets() const { return octets_; }
    [[nodiscard]] std::uint64_t nul_octets() const { return nul_octets_; }

  private:
    [[nodiscard]] Step give(std::size_t consumed, std::string_view content);
    [[nodiscard]] Step bare(std::size_t consumed);
    [[nodiscard]] bool swallowing() const { return bare_newline_ && policy_ == BareNewlines::Reject; }

    BareNewlines policy_;
    bool held_cr_ = false;
    bool at_line_start_ = true;
    bool bare_newline_ = false;
    std::uint64_t octets_ = 0;
    std::uint64_t nul_octets_ = 0;
};

}  // namespace posthouse::protocol
