// A client's bytes and a shell's verdicts against ServerSession: every cut gives the same replies and
// actions; replies are well-formed; content that is committed has only CRLF line ends; an aborted message
// gets no more content. The machine itself asserts that its states follow its table. Then once more with the
// shell interfering at any time.
#include "fuzz_input.h"
#include "tests/protocol/session_driver.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace posthouse;
using namespace posthouse::protocol;
using posthouse::protocol::testing::SessionDriver;
using posthouse::protocol::testing::Splitter;

namespace {

struct Scene {
    ServerOptions options;
    bool trusted = false;
    bool tls = false;
    std::uint8_t verdicts = 0;
    std::uint8_t interference = 0;
    std::uint8_t seed = 0;
    std::vector<std::string_view>
        segments;  // what stands between two of them is a TLS handshake, if one is due
};

Scene make_scene(fuzz::Input& input) {
    Scene scene;
    const std::uint8_t flags = input.number();
    scene.options.hostname = "relay.example";
    scene.options.offer_starttls = (flags & 1U) != 0;
    scene.options.auth_in_clear = (flags & 2U) != 0;
    scene.options.bare_newlines = (flags & 4U) != 0 ? BareNewlines::Normalize : BareNewlines::Reject;
    scene.trusted = (flags & 8U) != 0;
    scene.tls = (flags & 16U) != 0;
    scene.options.auth = (flags & 32U) != 0 ? AuthPolicy::Optional : AuthPolicy::Required;
    scene.options.max_message_size = (flags & 64U) != 0 ? 40 : 4000;
    scene.options.max_recipients = 3;
    scene.options.max_command_line = 200;
    scene.options.max_errors = (flags & 128U) != 0 ? 5 : 100;
    scene.verdicts = input.number();
    scene.interference = input.number();
    scene.seed = input.number();
    std::string_view rest = input.rest();
    while (true) {
        const std::size_t end = rest.find('\xFE');
        scene.segments.push_back(rest.substr(0, end));
        if (end == std::string_view::npos) return scene;
        rest.remove_prefix(end + 1);
    }
}

void prepare(SessionDriver& driver, const Scene& scene) {
    const Reply no(550, EnhancedCode{5, 7, 1}, "no");
    const Reply later(451, EnhancedCode{4, 3, 0}, "later");
    std::uint32_t state = scene.verdicts;
    const auto next = [&state] {
        state = state * 1664525U + 1013904223U;
        return state >> 28U;
    };
    for (int i = 0; i < 16; ++i) {
        driver.auth_verdicts.push_back(static_cast<AuthVerdict>(next() % 3));
        for (auto* verdicts : {&driver.sender_verdicts, &driver.recipient_verdicts, &driver.open_verdicts,
                               &driver.commit_verdicts}) {
            const auto kind = scene.verdicts == 0 ? 15 : next();
            verdicts->push_back(kind == 0   ? std::optional(no)
                                : kind == 1 ? std::optional(later)
                                            : std::nullopt);
        }
    }
    driver.start(scene.trusted, scene.tls ? std::optional(TlsFacts{"TLSv1.3", "X"}) : std::nullopt);
}

struct Seen {
    std::string output;
    std::vector<std::string> actions;
    std::vector<std::string> contents;

    friend bool operator==(const Seen&, const Seen&) = default;
};

void shake_hands(SessionDriver& driver, Seen& seen) {
    for (auto& action : driver.take_actions())
        seen.actions.push_back(std::move(action));
    if (seen.actions.empty() || seen.actions.back() != "StartTls") return;
    seen.actions.emplace_back("handshake");
    driver.session().tls_ready({"TLSv1.3", "X"});
    driver.pump();
}

Seen play(const Scene& scene, const Splitter& split) {
    SessionDriver driver(scene.options);
    Seen seen;
    prepare(driver, scene);
    for (const std::string_view segment : scene.segments) {
        driver.feed(segment, split);
        shake_hands(driver, seen);
    }
    seen.output = driver.take_output();
    seen.contents = driver.contents();
    return seen;
}

void check_replies(std::string_view output) {
    while (!output.empty()) {
        const std::size_t end = output.find("\r\n");
        fuzz::require(end != std::string_view::npos, "a reply ends with CRLF");
        const std::string_view line = output.substr(0, end);
        output.remove_prefix(end + 2);
        fuzz::require(line.size() + 2 <= 512, "a reply line has at most 512 octets");
        fuzz::require(line.size() >= 4 && line[0] >= '2' && line[0] <= '5', "a reply line has a code");
        for (const char c : line)
            fuzz::require(static_cast<unsigned char>(c) >= 0x20, "no control octet is sent");
        const bool coded = parse_enhanced_code(line.substr(4)).has_value();
        // RFC 2034 3: not in the greeting, in 3xx, in what answers HELO and EHLO.
        const bool bare = line[0] == '3' || line.starts_with("220 relay") || line.starts_with("250-") ||
                          line.starts_with("250 ") || line.starts_with("501 Syntax") ||
                          line.starts_with("500 A command is");
        fuzz::require(coded || bare, "a reply has an enhanced code");
    }
}

void check_contents(const std::vector<std::string>& contents) {
    for (const std::string& content : contents) {
        for (std::size_t i = 0; i < content.size(); ++i) {
            if (content[i] == '\n') fuzz::require(i > 0 && content[i - 1] == '\r', "no bare LF is stored");
            if (content[i] == '\r')
                fuzz::require(i + 1 < content.size() && content[i + 1] == '\n', "no bare CR");
        }
        fuzz::require(content.empty() || content.ends_with("\r\n"), "content ends with a line end");
    }
}

// The shell loses patience, shuts down, loses the peer or the disk while the client talks.
void interfere(const Scene& scene) {
    SessionDriver driver(scene.options);
    Seen seen;
    prepare(driver, scene);
    std::uint32_t state = scene.interference;
    driver.refuse_body_at = scene.interference % 8;
    for (const std::string_view segment : scene.segments) {
        for (const std::string_view piece : fuzz::cut(segment, scene.seed)) {
            driver.feed(piece, testing::whole());
            state = state * 1664525U + 1013904223U;
            const std::uint32_t event = state >> 24U;
            if (event < 8) driver.refuse_content(Reply(452, EnhancedCode{4, 3, 1}, "full"));
            if (event == 8) driver.session().shut_down();
            if (event == 9) driver.session().deadline_passed();
            if (event == 10) driver.session().peer_closed();
            driver.pump();
        }
        shake_hands(driver, seen);
    }
    driver.session().peer_closed();
    driver.pump();
    fuzz::require(driver.closed(), "a session whose peer is gone closes");
    check_replies(driver.take_output());
    check_contents(driver.contents());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const Scene scene = make_scene(input);
    const Seen whole = play(scene, testing::whole());
    fuzz::require(play(scene, testing::octets()) == whole, "octet by octet gives the same");
    fuzz::require(play(scene, testing::random_pieces(scene.seed)) == whole, "every cut gives the same");
    check_replies(whole.output);
    check_contents(whole.contents);
    interfere(scene);
    return 0;
}
