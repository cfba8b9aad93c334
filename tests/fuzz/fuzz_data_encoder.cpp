// DATA towards an upstream: whatever the content, exactly one end of data leaves, at the end, and no bare CR
// or LF.
#include "fuzz_input.h"
#include "protocol/data_decoder.h"
#include "protocol/data_encoder.h"

#include <string>

using namespace posthouse;
using namespace posthouse::protocol;

namespace {

std::string encode(const std::vector<std::string_view>& pieces) {
    DataEncoder encoder;
    std::string wire;
    for (const std::string_view piece : pieces)
        encoder.append(piece, wire);
    wire += encoder.finish();
    return wire;
}

// What the content becomes when each bare CR and LF is a line end: the definition, octet by octet.
std::string with_line_ends(std::string_view content) {
    std::string out;
    for (std::size_t i = 0; i < content.size(); ++i) {
        if (content[i] == '\r' || content[i] == '\n') {
            if (content.substr(i, 2) == "\r\n") ++i;
            out += "\r\n";
        } else {
            out += content[i];
        }
    }
    if (!out.empty() && !out.ends_with("\r\n")) out += "\r\n";
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t seed = input.number();
    const std::string_view content = input.rest();

    const std::string wire = encode({content});
    fuzz::require(encode(fuzz::cut(content, seed)) == wire, "every cut gives the same");
    fuzz::require(encode(fuzz::cut(content, 0)) == wire, "octet by octet gives the same");
    fuzz::require(("\r\n" + wire).find("\r\n.\r\n") == wire.size() - 3, "the end of data is at the end");
    for (std::size_t i = 0; i < wire.size(); ++i) {
        if (wire[i] == '\n') fuzz::require(i > 0 && wire[i - 1] == '\r', "no bare LF leaves");
        if (wire[i] == '\r') fuzz::require(i + 1 < wire.size() && wire[i + 1] == '\n', "no bare CR leaves");
    }

    DataDecoder decoder(BareNewlines::Reject);
    std::string decoded;
    std::string_view rest = wire;
    while (!rest.empty() && !decoder.done()) {
        const auto step = decoder.step(rest);
        decoded += step.content;
        rest.remove_prefix(step.consumed);
    }
    fuzz::require(decoder.done() && rest.empty() && !decoder.bare_newline(), "the wire form is well formed");
    fuzz::require(decoded == with_line_ends(content), "the receiver gets the content");
    return 0;
}
