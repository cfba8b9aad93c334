// Command framing: every cut gives the same lines, none longer than the cap, and memory stays bounded.
#include "fuzz_input.h"
#include "protocol/line_buffer.h"

#include <string>

using namespace posthouse;
using namespace posthouse::protocol;

namespace {

constexpr std::size_t kCap = 24;

struct Seen {
    std::string text;
    bool too_long;
    bool bare_newline;

    friend bool operator==(const Seen&, const Seen&) = default;
};

std::vector<Seen> lines_of(const std::vector<std::string_view>& pieces) {
    LineBuffer buffer(kCap);
    std::vector<Seen> lines;
    for (const std::string_view piece : pieces) {
        buffer.append(piece);
        while (const auto line = buffer.next_line()) {
            fuzz::require(line->text.size() + 2 <= kCap, "no line is longer than the cap");
            fuzz::require(line->text.find("\r\n") == std::string_view::npos, "a line holds no CRLF");
            const bool bare = line->text.find_first_of("\r\n") != std::string_view::npos;
            fuzz::require(line->too_long || bare == line->bare_newline, "bare CR and LF are flagged");
            lines.push_back({std::string(line->text), line->too_long, line->bare_newline});
        }
        fuzz::require(buffer.buffered().size() < kCap, "what is kept is less than a line");
    }
    return lines;
}

// The definition: cut at every CRLF; a line is too long if it and its CRLF exceed the cap.
std::vector<Seen> expected_lines(std::string_view text) {
    std::vector<Seen> lines;
    while (true) {
        const std::size_t end = text.find("\r\n");
        const bool ended = end != std::string_view::npos;
        if (ended ? end + 2 > kCap : text.size() >= kCap) {
            lines.push_back({"", true, false});
        } else if (ended) {
            const std::string_view line = text.substr(0, end);
            lines.push_back({std::string(line), false, line.find_first_of("\r\n") != std::string_view::npos});
        }
        if (!ended) return lines;
        text.remove_prefix(end + 2);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t seed = input.number();
    const std::vector<Seen> lines = lines_of({input.rest()});
    fuzz::require(lines == expected_lines(input.rest()), "the lines are those between CRLFs");
    fuzz::require(lines_of(fuzz::cut(input.rest(), seed)) == lines, "every cut gives the same lines");
    fuzz::require(lines_of(fuzz::cut(input.rest(), 0)) == lines, "octet by octet gives the same lines");
    return 0;
}
