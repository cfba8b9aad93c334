// Base64, xtext, UTF-8: what is encoded decodes to itself, what decodes strictly encodes to itself.
#include "fuzz_input.h"
#include "protocol/base64.h"
#include "protocol/octet_scan.h"
#include "protocol/utf8.h"
#include "protocol/xtext.h"

#include <algorithm>

using namespace posthouse;
using namespace posthouse::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::Input(data, size).rest();

    fuzz::require(base64_decode(base64_encode(text)) == text, "base64 gives back what it took");
    if (const auto octets = base64_decode(text)) {
        fuzz::require(base64_encode(*octets) == text, "only one base64 text stands for some octets");
    }
    const std::string xtext = xtext_encode(text);
    fuzz::require(xtext_decode(xtext) == text, "xtext gives back what it took");
    fuzz::require(is_ascii(xtext) && !has_control_characters(xtext) && !xtext.contains(' '),
                  "xtext is one plain word");
    (void)xtext_decode(text);

    if (is_ascii(text)) fuzz::require(is_valid_utf8(text), "ASCII is UTF-8");
    if (is_valid_utf8(text) && is_valid_utf8(text.substr(text.size() / 2))) {
        fuzz::require(is_valid_utf8(text.substr(0, text.size() / 2)), "UTF-8 divides into UTF-8");
    }
    const auto newline =
        std::find_if(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n'; });
    fuzz::require(find_cr_or_lf(text, 0) == static_cast<std::size_t>(newline - text.begin()),
                  "the first CR or LF is found");
    fuzz::require(count_nul(text) == static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\0')),
                  "all NUL are counted");
    return 0;
}
