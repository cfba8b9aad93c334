// DataEncoder: message content in, the octets behind DATA out: dots doubled at line starts, the final
// CRLF.CRLF.
//
// Fed any split. Spans point into the chunk where possible (else to a constant): a message without leading
// dots is not copied. Content from the spool has only CRLF line ends; should a bare CR or LF be met all the
// same, it leaves as CRLF, so that no upstream can be made to see a line end that we do not (last defence
// against smuggling out).
//
// RFC 5321 4.5.2 (transparency), 2.3.8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace posthouse::protocol {

class DataEncoder {
  public:
    struct Step {
        std::size_t consumed = 0;
        std::string_view bytes;  // may be empty; valid as long as the chunk
    };

    // One span of output; consumes at least one octet of a chunk that is not empty, except where a dot is
    // doubled: then the span ends with the dot, which is given again at the start of the next span.
    [[nodiscard]] Step step(std::string_view chunk);

    // Calls sink(std::string_view) for every span of the encoded chunk.
    template <class Sink>
    void for_each_span(std::string_view chunk, Sink&& sink) {
        while (!chunk.empty()) {
            const Step next = step(chunk);
            if (!next.bytes.empty()) sink(next.bytes);
            chunk.remove_prefix(next.consumed);
        }
    }

    void append(std::string_view chunk, std::string& out);

    // The end: ".CRLF" behind a finished line (or no content at all), CRLF.CRLF otherwise. Call once.
    [[nodiscard]] std::string_view finish();

  private:
    enum class State : unsigned char { LineStart, Stuffed, Middle, Cr };

    State state_ = State::LineStart;
};

}  // namespace posthouse::protocol
