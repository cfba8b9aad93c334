// DATA content: the end is where CRLF.CRLF is and nowhere else, for every cut, under both policies; what
// comes out has only CRLF line ends and can be sent on.
#include "fuzz_input.h"
#include "protocol/data_decoder.h"
#include "protocol/data_encoder.h"

#include <string>

using namespace posthouse;
using namespace posthouse::protocol;

namespace {

struct Decoded {
    std::string content;
    std::size_t consumed = 0;
    bool done = false;
    bool bare = false;
    std::uint64_t nul_octets = 0;

    friend bool operator==(const Decoded&, const Decoded&) = default;
};

Decoded decode(const std::vector<std::string_view>& pieces, BareNewlines policy) {
    DataDecoder decoder(policy);
    Decoded result;
    for (std::string_view piece : pieces) {
        std::size_t idle = 0;
        while (!piece.empty() && !decoder.done()) {
            const auto step = decoder.step(piece);
            fuzz::require(step.consumed <= piece.size(), "no more is consumed than there is");
            idle = step.consumed == 0 ? idle + 1 : 0;
            fuzz::require(idle < 2, "the decoder moves on");
            result.content += step.content;
            result.consumed += step.consumed;
            piece.remove_prefix(step.consumed);
        }
    }
    result.done = decoder.done();
    result.bare = decoder.bare_newline();
    result.nul_octets = decoder.nul_octets();
    fuzz::require(decoder.octets() == result.content.size(), "the octets given out are counted");
    return result;
}

bool has_bare_newline(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) return true;
        if (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n')) return true;
    }
    return false;
}

void check(std::string_view text, std::uint8_t seed, BareNewlines policy) {
    const Decoded whole = decode({text}, policy);
    fuzz::require(decode(fuzz::cut(text, seed), policy) == whole, "every cut gives the same");
    fuzz::require(decode(fuzz::cut(text, 0), policy) == whole, "octet by octet gives the same");

    // The line end of the DATA command stands before the first octet (RFC 5321 4.1.1.4).
    const std::size_t end = ("\r\n" + std::string(text)).find("\r\n.\r\n");
    fuzz::require(whole.done == (end != std::string::npos), "only CRLF.CRLF ends the data");
    if (!whole.done) return;
    fuzz::require(whole.consumed == end + 3, "the data ends at the first CRLF.CRLF");
    fuzz::require(whole.bare == has_bare_newline(text.substr(0, end)), "bare CR and LF are noticed");
    if (whole.bare && policy == BareNewlines::Reject) return;
    fuzz::require(!has_bare_newline(whole.content), "only CRLF comes out");
    fuzz::require(whole.content.empty() || whole.content.ends_with("\r\n"),
                  "the content ends with a line end");

    DataEncoder encoder;
    std::string wire;
    encoder.append(whole.content, wire);
    wire += encoder.finish();
    fuzz::require(decode({wire}, BareNewlines::Reject).content == whole.content,
                  "what is sent on decodes to the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t seed = input.number();
    check(input.rest(), seed, BareNewlines::Reject);
    check(input.rest(), seed, BareNewlines::Normalize);
    return 0;
}
