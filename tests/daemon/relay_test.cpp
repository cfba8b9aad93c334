// The whole relay in one process, with several event loops: what the sanitizers see of the daemon. The same
// behaviour is shown from outside, with real peers, by tests/e2e.
#include "tests/daemon/relay_fixture.h"
#include "tests/daemon/smtp_client.h"

#include <gmock/gmock.h>

#include <thread>
#include <vector>

namespace posthouse::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kContent = "Subject: test\r\n\r\nHello.\r\n..dots\r\n";

TEST_F(RelayTest, CarriesAMessageToTheUpstream) {
    TestSink sink(sink_with_login());
    TestRelay relay(folder_, "upstreams: {sink: {" + upstream_yaml(sink) + "}}\n");
    EXPECT_THAT(SmtpClient::submit(relay.port(), "a@example.com", "b@example.org", kContent),
                StartsWith("250 2.0.0 "));
    EXPECT_TRUE(sink.received.wait_for("b@example.org", 1));
}

TEST_F(RelayTest, CarriesManyMessagesOnSeveralLoopsExactlyOnce) {
    constexpr std::size_t kSenders = 8;
    constexpr std::size_t kEach = 25;
    TestSink sink(sink_with_login());
    TestRelay relay(folder_,
                    "io_threads: 3\nupstreams: {sink: {" + upstream_yaml(sink, "connections: 4") + "}}\n");
    std::vector<std::thread> senders;
    for (std::size_t i = 0; i < kSenders; ++i) {
        senders.emplace_back([&relay, i] {
            const std::string recipient = "r" + std::to_string(i) + "@example.org";
            for (std::size_t n = 0; n < kEach; ++n) {
                EXPECT_THAT(SmtpClient::submit(relay.port(), "a@example.com", recipient, kContent),
                            StartsWith("250"));
            }
        });
    }
    for (auto& sender : senders)
        sender.join();
    for (std::size_t i = 0; i < kSenders; ++i) {
        EXPECT_TRUE(sink.received.wait_for("r" + std::to_string(i) + "@example.org", kEach));
    }
    EXPECT_EQ(sink.received.total(), kSenders * kEach);
}

TEST_F(RelayTest, KeepsMailWhileTheLoginIsRefusedAndHealthyUpstreamsGoOn) {
    TestSink good(sink_with_login());
    auto options = sink_with_login();
    options.password = "another";
    TestSink locked(options);
    TestRelay relay(folder_, "io_threads: 2\nupstreams:\n  locked: {" + upstream_yaml(locked) +
                                 "}\n  good: {" + upstream_yaml(good) +
                                 "}\nroutes:\n  - {match: {sender: \"l@*\"}, via: [locked]}\n" +
                                 "  - {via: [good]}\n");
    EXPECT_THAT(SmtpClient::submit(relay.port(), "l@example.com", "x@example.org", kContent),
                StartsWith("250"));
    EXPECT_THAT(SmtpClient::submit(relay.port(), "g@example.com", "y@example.org", kContent),
                StartsWith("250"));
    EXPECT_TRUE(good.received.wait_for("y@example.org", 1));
    EXPECT_EQ(locked.received.total(), 0U);
}

TEST_F(RelayTest, RelaysAfterARestartWhatItHadAccepted) {
    std::uint16_t port = 0;
    {
        TestSink gone(sink_with_login());
        port = gone.port();
        TestRelay relay(folder_,
                        "upstreams: {sink: {" + upstream_yaml(gone, "limits: [1 messages / day]") + "}}\n");
        for (int i = 0; i < 3; ++i)
            SmtpClient::submit(relay.port(), "a@example.com", "b@example.org", kContent);
        EXPECT_TRUE(gone.received.wait_for("b@example.org", 1));
    }
    auto options = sink_with_login();
    options.listen.port = port;
    TestSink sink(options);
    TestRelay relay(folder_, "upstreams: {sink: {" + upstream_yaml(sink) + "}}\n");
    EXPECT_TRUE(sink.received.wait_for("b@example.org", 2));
    EXPECT_EQ(sink.received.total(), 2U);
}

TEST_F(RelayTest, BouncesARefusedRecipientToTheSender) {
    auto options = sink_with_login();
    options.replies[protocol::Stage::Rcpt] =
        protocol::Reply(550, protocol::EnhancedCode{5, 1, 1}, "No such user");
    TestSink refusing(options);
    TestSink home(sink_with_login());
    TestRelay relay(folder_,
                    "upstreams:\n  refusing: {" + upstream_yaml(refusing) + "}\n  home: {" +
                        upstream_yaml(home) +
                        "}\nroutes:\n  - {match: {recipient: \"*@example.org\"}, via: [refusing]}\n" +
                        "  - {via: [home]}\n");
    EXPECT_THAT(SmtpClient::submit(relay.port(), "author@example.com", "b@example.org", kContent),
                StartsWith("250"));
    EXPECT_TRUE(home.received.wait_for("author@example.com", 1));
}

TEST_F(RelayTest, TakesALargeMessageThroughAFileOfItsOwn) {
    TestSink sink(sink_with_login());
    TestRelay relay(folder_, "io_threads: 2\nupstreams: {sink: {" + upstream_yaml(sink) + "}}\n");
    std::string content = "Subject: large\r\n\r\n";
    while (content.size() < (3U << 20U))
        content += "All work and no play makes a dull line of seventy octets of text.\r\n";
    EXPECT_THAT(SmtpClient::submit(relay.port(), "a@example.com", "b@example.org", content),
                StartsWith("250"));
    EXPECT_TRUE(sink.received.wait_for("b@example.org", 1));
}

TEST_F(RelayTest, SaysGoodByeToAnIdleClientWhenItStops) {
    TestSink sink(sink_with_login());
    auto relay = std::make_unique<TestRelay>(folder_, "upstreams: {sink: {" + upstream_yaml(sink) + "}}\n");
    SmtpClient client(relay->port());
    EXPECT_THAT(client.read_reply(), StartsWith("220 "));
    EXPECT_THAT(client.command("EHLO test.example"), HasSubstr("PIPELINING"));
    relay.reset();
    EXPECT_THAT(client.read_reply(), StartsWith("421 4.3.2 "));
}

}  // namespace
}  // namespace posthouse::test
