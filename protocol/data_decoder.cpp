#include "protocol/data_decoder.h"

#include "protocol/octet_scan.h"

#include <cassert>

namespace posthouse::protocol {

namespace {

constexpr std::string_view kCrLf = "\r\n";

}  // namespace

DataDecoder::Step DataDecoder::give(std::size_t consumed, std::string_view content) {
    if (swallowing()) return Step{consumed, {}};
    octets_ += content.size();
    nul_octets_ += count_nul(content);
    return Step{consumed, content};
}

// A CR or LF that stands alone: a line end of its own when normalizing, but never one that a final dot may
// follow.
DataDecoder::Step DataDecoder::bare(std::size_t consumed) {
    bare_newline_ = true;
    return give(consumed, kCrLf);
}

DataDecoder::Step DataDecoder::step(std::string_view input) {
    assert(!input.empty() && state_ != State::Done);
    const char c = input[0];
    switch (state_) {
        case State::LineStart:
            if (c == '.') {
                state_ = State::Dot;
                return Step{1, {}};
            }
            state_ = State::Middle;
            return step_middle(input);

        case State::Middle:
            return step_middle(input);

        case State::Cr:
            if (c == '\n') {
                state_ = State::LineStart;
                return give(1, kCrLf);
            }
            // What was held back stands alone; `input` begins a piece of its own.
            state_ = State::Middle;
            return bare(0);

        case State::Dot:
            if (c == '\r') {
                state_ = State::DotCr;
                return Step{1, {}};
            }
            // RFC 5321 4.5.2: a dot with something behind it on the line is deleted.
            state_ = State::Middle;
            return step_middle(input);

        case State::DotCr:
            if (c == '\n') {
                state_ = State::Done;
                return Step{1, {}};
            }
            state_ = State::Middle;
            return bare(0);

        case State::Done:
            break;
    }
    return Step{input.size(), {}};
}

// From inside a line up to where something must be left out or put in: usually the end of the input.
DataDecoder::Step DataDecoder::step_middle(std::string_view input) {
    std::size_t at = 0;
    while (true) {
        at = find_cr_or_lf(input, at);
        if (at == input.size()) {
            state_ = State::Middle;
            return give(at, input);
        }
        if (input[at] == '\n') {
            state_ = State::Middle;
            if (at > 0) return give(at, input.substr(0, at));
            return bare(1);
        }
        if (at + 1 == input.size()) {
            state_ = State::Cr;
            return give(at + 1, input.substr(0, at));
        }
        if (input[at + 1] != '\n') {
            state_ = State::Cr;
            return give(at + 1, input.substr(0, at));
        }
        at += 2;
        if (at == input.size()) {
            state_ = State::LineStart;
            return give(at, input);
        }
        if (input[at] == '.') {
            state_ = State::Dot;
            return give(at + 1, input.substr(0, at));
        }
    }
}

}  // namespace posthouse::protocol
