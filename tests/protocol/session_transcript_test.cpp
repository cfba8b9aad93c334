// Golden transcripts: every tests/transcripts/*.smtp is played against a ServerSession whole, octet by octet
// and in 20 random splits; each must give the same replies and the same actions.
//
//   C: text      the client sends this line with CRLF; \r \n \xNN \\ are escapes. Adjacent C lines are one
//   write. C> text      the same without CRLF S: text      the replies that must come A: text      the
//   actions that must be asked for, besides Send, NeedInput and Wait !options ..  first:
//   auth=none|optional|required starttls auth_in_clear normalize max_size=N max_recipients=N
//                max_line=N max_errors=N max_auth_failures=N
//   !start ..    [trusted] [tls]
//   !auth V      the answer to the next CheckAuth: accepted, refused, unavailable
//   !refuse Q R  the answer to the next question Q (sender, recipient, open, commit): the reply "550 5.1.1
//   text" !stored ID   the queue id of messages to come !content R   message_refused(R) now     !tls
//   tls_ready()    !shutdown   !deadline   !closed
//
// With POSTHOUSE_UPDATE_GOLDEN=1 the S and A lines are written anew, to be read before they are committed.
#include "session_driver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace posthouse::protocol::testing {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(POSTHOUSE_SOURCE_DIR) / "tests" / "transcripts";

std::vector<std::string> transcript_names() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
        if (entry.path().extension() == ".smtp") names.push_back(entry.path().stem().string());
    }
    std::ranges::sort(names);
    return names;
}

std::vector<std::string> words_of(const std::string& line) {
    std::istringstream in(line);
    return {std::istream_iterator<std::string>(in), {}};
}

// "550 5.1.1 text"
Reply parse_scripted_reply(const std::string& text) {
    Reply reply;
    reply.code = static_cast<std::uint16_t>(std::stoul(text.substr(0, 3)));
    std::string rest = text.size() > 4 ? text.substr(4) : "";
    reply.enhanced = parse_enhanced_code(rest);
    if (reply.enhanced) {
        const auto space = rest.find(' ');
        rest = space == std::string::npos ? "" : rest.substr(space + 1);
    }
    reply.text = rest;
    return reply;
}

ServerOptions parse_options(const std::string& line) {
    ServerOptions options;
    options.hostname = "relay.example";
    for (const std::string& word : words_of(line)) {
        const auto equals = word.find('=');
        const std::string key = word.substr(0, equals);
        const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
        const auto number = [&value] { return static_cast<std::size_t>(std::stoull(value)); };
        if (key == "auth") {
            if (value == "none") options.auth = AuthPolicy::None;
            if (value == "required") options.auth = AuthPolicy::Required;
        } else if (key == "starttls") {
            options.offer_starttls = true;
        } else if (key == "auth_in_clear") {
            options.auth_in_clear = true;
        } else if (key == "normalize") {
            options.bare_newlines = BareNewlines::Normalize;
        } else if (key == "max_size") {
            options.max_message_size = number();
        } else if (key == "max_recipients") {
            options.max_recipients = number();
        } else if (key == "max_line") {
            options.max_command_line = number();
        } else if (key == "max_errors") {
            options.max_errors = number();
        } else if (key == "max_auth_failures") {
            options.max_auth_failures = number();
        } else {
            ADD_FAILURE() << "unknown option " << word;
        }
    }
    return options;
}

class Player {
  public:
    Player(std::vector<std::string> lines, Splitter split)
        : lines_(std::move(lines)), split_(std::move(split)) {}

    // The transcript with the S and A lines as they really are.
    std::vector<std::string> play() {
        std::size_t at = 0;
        while (at < lines_.size()) {
            const std::string& line = lines_[at];
            if (line.starts_with("S:") || line.starts_with("A:")) {
                ++at;
            } else if (line.starts_with("C")) {
                std::string input;
                for (; at < lines_.size() && lines_[at].starts_with("C"); ++at) {
                    played_.push_back(lines_[at]);
                    const auto text =
                        unescaped(lines_[at].substr(std::min<std::size_t>(3, lines_[at].size())));
                    if (!text) ADD_FAILURE() << "bad escape: " << lines_[at];
                    input += text.value_or("");
                    if (lines_[at][1] == ':') input += "\r\n";
                }
                driver().feed(input, split_);
                record();
            } else {
                played_.push_back(line);
                if (line.starts_with("!")) directive(line);
                ++at;
            }
        }
        return played_;
    }

  private:
    SessionDriver& driver() {
        if (!driver_) driver_.emplace(parse_options(""));
        return *driver_;
    }

    void directive(const std::string& line) {
        const auto space = line.find(' ');
        const std::string name = line.substr(1, space == std::string::npos ? space : space - 1);
        const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
        if (name == "options") {
            driver_.emplace(parse_options(rest));
        } else if (name == "start") {
            const auto words = words_of(rest);
            const bool tls = std::ranges::find(words, "tls") != words.end();
            driver().start(std::ranges::find(words, "trusted") != words.end(),
                           tls ? std::optional(TlsFacts{"TLSv1.3", "TLS_AES_128_GCM_SHA256"}) : std::nullopt);
        } else if (name == "auth") {
            driver().auth_verdicts.push_back(rest == "accepted"  ? AuthVerdict::Accepted
                                             : rest == "refused" ? AuthVerdict::Refused
                                                                 : AuthVerdict::Unavailable);
        } else if (name == "refuse") {
            const std::string question = rest.substr(0, rest.find(' '));
            const Reply reply = parse_scripted_reply(rest.substr(question.size() + 1));
            if (question == "sender") driver().sender_verdicts.emplace_back(reply);
            if (question == "recipient") driver().recipient_verdicts.emplace_back(reply);
            if (question == "open") driver().open_verdicts.emplace_back(reply);
            if (question == "commit") driver().commit_verdicts.emplace_back(reply);
        } else if (name == "stored") {
            driver().queue_id = rest;
        } else if (name == "content") {
            driver().refuse_content(parse_scripted_reply(rest));
        } else if (name == "tls") {
            driver().session().tls_ready({"TLSv1.3", "TLS_AES_128_GCM_SHA256"});
            driver().pump();
        } else if (name == "shutdown") {
            driver().session().shut_down();
            driver().pump();
        } else if (name == "deadline") {
            driver().session().deadline_passed();
            driver().pump();
        } else if (name == "closed") {
            driver().session().peer_closed();
            driver().pump();
        } else {
            ADD_FAILURE() << "unknown directive " << line;
        }
        record();
    }

    void record() {
        for (const std::string& action : driver().take_actions())
            played_.push_back("A: " + action);
        std::istringstream replies(driver().take_output());
        for (std::string reply; std::getline(replies, reply);) {
            EXPECT_TRUE(reply.ends_with('\r')) << reply;
            EXPECT_LE(reply.size() + 1, 512U) << reply;
            if (!reply.empty()) reply.pop_back();
            played_.push_back("S: " + reply);
        }
    }

    std::vector<std::string> lines_;
    Splitter split_;
    std::optional<SessionDriver> driver_;
    std::vector<std::string> played_;
};

std::vector<std::string> read_lines(const std::filesystem::path& path) {
    std::ifstream in(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);)
        lines.push_back(line);
    return lines;
}

class SessionTranscript : public ::testing::TestWithParam<std::string> {};

TEST_P(SessionTranscript, GivesTheSameRepliesInEverySplit) {
    const auto path = kFolder / (GetParam() + ".smtp");
    const auto golden = read_lines(path);
    ASSERT_FALSE(golden.empty());
    if (std::getenv("POSTHOUSE_UPDATE_GOLDEN") != nullptr) {
        std::ofstream out(path);
        for (const auto& line : Player(golden, whole()).play())
            out << line << '\n';
        return;
    }
    EXPECT_EQ(Player(golden, whole()).play(), golden) << "whole";
    EXPECT_EQ(Player(golden, octets()).play(), golden) << "octet by octet";
    for (unsigned seed = 1; seed <= 20; ++seed) {
        EXPECT_EQ(Player(golden, random_pieces(seed)).play(), golden) << "random split " << seed;
    }
}

INSTANTIATE_TEST_SUITE_P(All, SessionTranscript, ::testing::ValuesIn(transcript_names()),
                         [](const auto& test) { return test.param; });

TEST(SessionStateTable, IsTheOneInTheDocument) {
    const auto path = std::filesystem::path(POSTHOUSE_SOURCE_DIR) / "docs" / "smtp-state-machine.md";
    std::ifstream in(path);
    std::string document{std::istreambuf_iterator<char>(in), {}};
    const std::string begin = "<!-- state table: begin -->\n";
    const std::string end = "<!-- state table: end -->";
    const auto from = document.find(begin);
    const auto to = document.find(end);
    ASSERT_NE(from, std::string::npos);
    ASSERT_NE(to, std::string::npos);
    const auto at = from + begin.size();
    if (std::getenv("POSTHOUSE_UPDATE_GOLDEN") != nullptr) {
        document.replace(at, to - at, ServerSession::state_table());
        std::ofstream(path) << document;
        return;
    }
    EXPECT_EQ(document.substr(at, to - at), ServerSession::state_table())
        << "run protocol_tests with POSTHOUSE_UPDATE_GOLDEN=1 and read the difference";
}

}  // namespace
}  // namespace posthouse::protocol::testing
