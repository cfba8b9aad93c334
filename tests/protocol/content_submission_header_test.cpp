#include "protocol/submission_header.h"
#include "tests/protocol/splits.h"

#include <gtest/gtest.h>

#include <expected>
#include <string>
#include <string_view>

namespace posthouse::protocol {
namespace {

constexpr std::string_view kDate = "Date: Tue, 13 Nov 2029 06:13:20 +0000\r\n";
constexpr std::string_view kMessageId = "Message-ID: <new@relay.example>\r\n";

SubmissionOptions options() {
    SubmissionOptions made;
    made.received.client_name = "client.example";
    made.received.client_address = "192.0.2.1";
    made.received.hostname = "relay.example";
    made.received.id = "0abc";
    made.received.now = from_unix_ms(1889244800000);
    made.message_id = "<new@relay.example>";
    return made;
}

std::string trace() {
    std::string out;
    append_received(out, options().received);
    return out;
}

struct Taken {
    std::string output;
    SubmissionFacts facts;
    std::expected<void, Reply> end;
};

Taken take(const testing::Pieces& pieces, const SubmissionOptions& with = options()) {
    Taken taken;
    const auto sink = [&](std::string_view bytes) { taken.output += bytes; };
    SubmissionHeader header(with);
    for (const std::string_view piece : pieces) {
        taken.end = header.feed(piece, sink);
        if (!taken.end) return taken;
    }
    taken.end = header.finish(sink);
    taken.facts = header.facts();
    return taken;
}

struct Case {
    const char* name;
    std::string_view content;
    std::string expected;  // behind our Received field
    std::size_t header;    // of it
    std::string_view message_id = "new@relay.example";
};

class SubmissionHeaderTest : public ::testing::TestWithParam<Case> {};

TEST_P(SubmissionHeaderTest, CompletesTheHeaderWhateverTheSplit) {
    for (const testing::Pieces& pieces : testing::all_splits(GetParam().content)) {
        const Taken taken = take(pieces);
        ASSERT_TRUE(taken.end);
        EXPECT_EQ(taken.output, trace() + GetParam().expected);
        EXPECT_EQ(taken.facts.size, taken.output.size());
        EXPECT_EQ(taken.facts.header_size, trace().size() + GetParam().header);
        EXPECT_EQ(taken.facts.message_id, GetParam().message_id);
    }
}

std::string added(std::string_view rest) {
    return std::string(kDate) + std::string(kMessageId) + std::string(rest);
}

INSTANTIATE_TEST_SUITE_P(
    Contents, SubmissionHeaderTest,
    ::testing::Values(
        Case{"AddsWhatIsMissing", "Subject: s\r\n\r\nbody\r\n", added("Subject: s\r\n\r\nbody\r\n"),
             added("Subject: s\r\n\r\n").size()},
        Case{"KeepsWhatIsThere", "date: now\r\nMessage-Id: <own@x>\r\n\r\nbody\r\n",
             "date: now\r\nMessage-Id: <own@x>\r\n\r\nbody\r\n", 34, "own@x"},
        Case{"RemovesBcc", "Bcc: a@x\r\nTo: b@x\r\nBCC:c@x,\r\n\td@x\r\nResent-Bcc: e@x\r\n\r\nBcc: body\r\n",
             added("To: b@x\r\n\r\nBcc: body\r\n"), added("To: b@x\r\n\r\n").size()},
        Case{"HasNoHeader", "\r\nbody\r\n", added("\r\nbody\r\n"), added("\r\n").size()},
        Case{"BeginsWithText", "hello world\r\n", added("\r\nhello world\r\n"), added("\r\n").size()},
        Case{"BreaksOff", "To: b@x\r\nhello world\r\nBcc: c@x\r\n",
             added("To: b@x\r\n\r\nhello world\r\nBcc: c@x\r\n"), added("To: b@x\r\n\r\n").size()},
        Case{"BreaksOffBehindBcc", "Bcc: b@x\r\nhello world\r\n", added("\r\nhello world\r\n"),
             added("\r\n").size()},
        Case{"IsHeaderOnly", "To: b@x\r\n", added("To: b@x\r\n"), added("To: b@x\r\n").size()},
        Case{"IsEmpty", "", added(""), added("").size()},
        Case{"HasAnUnreadableMessageId", "Message-ID: none\r\n\r\n",
             std::string(kDate) + "Message-ID: none\r\n\r\n", kDate.size() + 20, ""}),
    [](const auto& instance) { return instance.param.name; });

TEST(SubmissionHeader, PassesBodyAsViewsOfTheInput) {
    const std::string first = "A: b\r\n\r\nbody";
    const std::string second(1000, 'x');
    SubmissionHeader header(options());
    std::string_view last;
    const auto sink = [&](std::string_view bytes) { last = bytes; };
    ASSERT_TRUE(header.feed(first, sink));
    EXPECT_EQ(last.data(), first.data());
    ASSERT_TRUE(header.feed(second, sink));
    EXPECT_EQ(last.data(), second.data());
    EXPECT_EQ(last.size(), second.size());
}

TEST(SubmissionHeader, RefusesALoopAboveTheLimit) {
    std::string content;
    for (int i = 0; i < 100; ++i)
        content += "Received: from a by b; now\r\n";
    EXPECT_TRUE(take({content + "\r\n"}).end);
    const Taken taken = take({"Received: from a by b; now\r\n" + content + "\r\n"});
    ASSERT_FALSE(taken.end);
    EXPECT_EQ(taken.end.error().code, 554);
    EXPECT_EQ(taken.end.error().enhanced, (EnhancedCode{5, 4, 6}));
    EXPECT_TRUE(taken.output.empty());
}

TEST(SubmissionHeader, RefusesAHeaderAboveTheCapWhateverTheSplit) {
    SubmissionOptions small = options();
    small.max_header = 40;
    const std::string fits = "X: " + std::string(33, 'x') + "\r\n\r\n";
    const std::string exceeds = "X: " + std::string(34, 'x') + "\r\n\r\n";
    const std::string broken_off = "X: " + std::string(35, 'x') + "\r\nthis is a line of the body";
    ASSERT_EQ(fits.size(), 40U);
    for (const testing::Pieces& pieces : testing::all_splits(fits))
        EXPECT_TRUE(take(pieces, small).end);
    for (const testing::Pieces& pieces : testing::all_splits(broken_off))
        EXPECT_TRUE(take(pieces, small).end);
    for (const testing::Pieces& pieces : testing::all_splits(exceeds)) {
        const Taken taken = take(pieces, small);
        ASSERT_FALSE(taken.end);
        EXPECT_EQ(taken.end.error().code, 552);
        EXPECT_EQ(taken.end.error().enhanced, (EnhancedCode{5, 3, 4}));
        EXPECT_TRUE(taken.output.empty());
    }
}

TEST(SubmissionHeader, RefusesMoreBccFieldsThanItCanRemove) {
    std::string content;
    for (int i = 0; i < 1000; ++i)
        content += "Bcc: a@x\r\nX: y\r\n";
    const Taken taken = take({content + "\r\n"});
    ASSERT_FALSE(taken.end);
    EXPECT_EQ(taken.end.error().code, 554);
}

TEST(SubmissionHeader, ReportsEightBitOctets) {
    EXPECT_FALSE(take({"A: b\r\n\r\nplain"}).facts.eight_bit);
    const Taken body = take({"A: b\r\n\r\n\xE4"});
    EXPECT_TRUE(body.facts.eight_bit);
    EXPECT_FALSE(body.facts.utf8_header);
    const Taken header = take({"A: \xC3\xA4\r\n\r\n"});
    EXPECT_TRUE(header.facts.eight_bit);
    EXPECT_TRUE(header.facts.utf8_header);
}

}  // namespace
}  // namespace posthouse::protocol
