// BDAT content: every cut gives the same, only CRLF comes out, and clean content is not changed.
#include "fuzz_input.h"
#include "protocol/newline_policy.h"

#include <string>

using namespace posthouse;
using namespace posthouse::protocol;

namespace {

struct Result {
    std::string content;
    bool bare = false;

    friend bool operator==(const Result&, const Result&) = default;
};

Result apply(const std::vector<std::string_view>& pieces, BareNewlines how) {
    NewlinePolicy policy(how);
    Result result;
    for (std::string_view piece : pieces) {
        while (!piece.empty()) {
            const auto step = policy.step(piece);
            fuzz::require(step.consumed <= piece.size(), "no more is consumed than there is");
            result.content += step.content;
            piece.remove_prefix(step.consumed);
        }
    }
    result.content += policy.finish();
    result.bare = policy.bare_newline();
    fuzz::require(policy.octets() == result.content.size(), "the octets given out are counted");
    return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t seed = input.number();
    const std::string_view text = input.rest();
    for (const BareNewlines how : {BareNewlines::Reject, BareNewlines::Normalize}) {
        const Result whole = apply({text}, how);
        fuzz::require(apply(fuzz::cut(text, seed), how) == whole, "every cut gives the same");
        fuzz::require(apply(fuzz::cut(text, 0), how) == whole, "octet by octet gives the same");
        if (!whole.bare) {
            const std::string end = text.empty() || text.ends_with("\r\n") ? "" : "\r\n";
            fuzz::require(whole.content == std::string(text) + end, "clean content is not changed");
        }
        if (how == BareNewlines::Normalize) {
            const Result again = apply({whole.content}, BareNewlines::Reject);
            fuzz::require(!again.bare && again.content == whole.content, "normalized content is clean");
        }
    }
    return 0;
}
