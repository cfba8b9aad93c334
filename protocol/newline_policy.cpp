#include "protocol/newline_policy.h"

#include "protocol/octet_scan.h"

#include <cassert>

namespace posthouse::protocol {

namespace {

constexpr std::string_view kCrLf = "\r\n";

}  // namespace

NewlinePolicy::Step NewlinePolicy::give(std::size_t consumed, std::string_view content) {
    if (content.empty() || swallowing()) return Step{consumed, {}};
    at_line_start_ = content.ends_with(kCrLf);
    octets_ += content.size();
    nul_octets_ += count_nul(content);
    return Step{consumed, content};
}

NewlinePolicy::Step NewlinePolicy::bare(std::size_t consumed) {
    bare_newline_ = true;
    return give(consumed, kCrLf);
}

NewlinePolicy::Step NewlinePolicy::step(std::string_view input) {
    assert(!input.empty());
    if (held_cr_) {
        held_cr_ = false;
        return input[0] == '\n' ? give(1, kCrLf) : bare(0);
    }
    std::size_t at = 0;
    while (true) {
        at = find_cr_or_lf(input, at);
        if (at == input.size()) return give(at, input);
        if (input[at] == '\n') return at > 0 ? give(at, input.substr(0, at)) : bare(1);
        if (at + 1 == input.size() || input[at + 1] != '\n') {
            held_cr_ = true;
            return give(at + 1, input.substr(0, at));
        }
        at += 2;
    }
}

std::string_view NewlinePolicy::finish() {
    if (held_cr_) {
        held_cr_ = false;
        return bare(0).content;
    }
    if (at_line_start_) return {};
    return give(0, kCrLf).content;
}

}  // namespace posthouse::protocol
