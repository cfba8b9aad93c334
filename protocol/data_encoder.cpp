#include "protocol/data_encoder.h"

#include "protocol/octet_scan.h"

namespace posthouse::protocol {

namespace {

constexpr std::string_view kCrLf = "\r\n";

}  // namespace

DataEncoder::Step DataEncoder::step(std::string_view chunk) {
    if (chunk.empty()) return {};
    if (state_ == State::Cr) {
        // The CR was held back: with its LF or without it, what leaves is one CRLF.
        state_ = State::LineStart;
        return Step{chunk[0] == '\n' ? 1U : 0U, kCrLf};
    }
    if (state_ == State::LineStart && chunk[0] == '.') {
        state_ = State::Stuffed;
        return Step{0, chunk.substr(0, 1)};
    }
    state_ = State::Middle;
    std::size_t at = 0;
    while (true) {
        at = find_cr_or_lf(chunk, at);
        if (at == chunk.size()) return Step{at, chunk};
        if (chunk[at] == '\n') {
            if (at > 0) return Step{at, chunk.substr(0, at)};
            state_ = State::LineStart;
            return Step{1, kCrLf};
        }
        if (at + 1 == chunk.size() || chunk[at + 1] != '\n') {
            state_ = State::Cr;
            return Step{at + 1, chunk.substr(0, at)};
        }
        at += 2;
        if (at == chunk.size()) {
            state_ = State::LineStart;
            return Step{at, chunk};
        }
        if (chunk[at] == '.') {
            // The span takes the dot along, and the next one begins with the same dot: doubled without a
            // copy.
            state_ = State::Stuffed;
            return Step{at, chunk.substr(0, at + 1)};
        }
    }
}

void DataEncoder::append(std::string_view chunk, std::string& out) {
    for_each_span(chunk, [&out](std::string_view span) { out += span; });
}

std::string_view DataEncoder::finish() {
    const bool line_is_finished = state_ == State::LineStart;
    state_ = State::LineStart;
    return line_is_finished ? ".\r\n" : "\r\n.\r\n";
}

}  // namespace posthouse::protocol
