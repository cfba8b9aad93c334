#include "config/upstream_url.h"

#include "config/load.h"
#include "tests/config/environment_for_tests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace posthouse::config {
namespace {

using namespace std::chrono_literals;

Loaded load_url(std::string_view url) {
    return load_environment(environment_for_tests({{"POSTHOUSE_UPSTREAM", std::string(url)}}));
}

std::string faults_of(std::string_view url) {
    const Loaded loaded = load_url(url);
    return loaded ? "accepted" : to_string(loaded.error());
}

struct GoodCase {
    std::string_view url;
    std::string_view host;
    int port;
    TlsMode tls;
    std::string_view login;
    std::string_view password;
};

TEST(UpstreamUrl, NamesHostPortTlsAndLogin) {
    for (const GoodCase& c : {
             GoodCase{"smtps://user:pass@host:465", "host", 465, TlsMode::Implicit, "user", "pass"},
             {"smtps://host", "host", 465, TlsMode::Implicit, "", ""},
             {"smtp+starttls://user:pass@host", "host", 587, TlsMode::StartTls, "user", "pass"},
             {"smtp://host:25", "host", 25, TlsMode::StartTls, "", ""},
             {"smtp+cleartext://host", "host", 25, TlsMode::None, "", ""},
             {"smtp+cleartext://u:p@host:1025", "host", 1025, TlsMode::None, "u", "p"},
             {"smtps://shop%40gmail.com:p%3Aa%2Fs%25s@smtp.gmail.com", "smtp.gmail.com", 465,
              TlsMode::Implicit, "shop@gmail.com", "p:a/s%s"},
             {"smtps://shop@gmail.com:pass@smtp.gmail.com", "smtp.gmail.com", 465, TlsMode::Implicit,
              "shop@gmail.com", "pass"},
             {"smtps://user:pa:ss/w@host/", "host", 465, TlsMode::Implicit, "user", "pa:ss/w"},
             {"smtps://u:p@[2001:db8::1]:466", "2001:db8::1", 466, TlsMode::Implicit, "u", "p"},
             {"smtps://u:p@[::1]", "::1", 465, TlsMode::Implicit, "u", "p"},
             {"smtps://u:p@192.0.2.1", "192.0.2.1", 465, TlsMode::Implicit, "u", "p"},
             {"smtps://u:p+q@h", "h", 465, TlsMode::Implicit, "u", "p+q"},
         }) {
        const Loaded loaded = load_url(c.url);
        ASSERT_TRUE(loaded) << c.url << ": " << to_string(loaded.error());
        const Upstream& upstream = loaded->upstreams[0];
        EXPECT_EQ(upstream.host, c.host) << c.url;
        EXPECT_EQ(upstream.port, c.port) << c.url;
        EXPECT_EQ(upstream.tls, c.tls) << c.url;
        EXPECT_EQ(upstream.login, c.login) << c.url;
        EXPECT_EQ(upstream.password.reveal(), c.password) << c.url;
    }
}

TEST(UpstreamUrl, TakesTheKeysOfAnUpstreamAsParameters) {
    const Loaded loaded = load_url(
        "smtps://u:p@h?connections=4&limits=500 recipients/day,3%20messages%20/%20second&hosts=127.0.0.1,::1"
        "&ca_file=/"
        "ca.pem&name=other.example&auth=plain,login&recovery=1s,1m&eight_bit=fail&max_message_size=25MiB");
    ASSERT_TRUE(loaded) << to_string(loaded.error());
    const Upstream& upstream = loaded->upstreams[0];
    EXPECT_EQ(upstream.connections, 4U);
    EXPECT_EQ(upstream.limits,
              (std::vector<Limit>{{500, LimitUnit::Recipients, 24h}, {3, LimitUnit::Messages, 1s}}));
    EXPECT_EQ(upstream.hosts, (std::vector<std::string>{"127.0.0.1", "::1"}));
    EXPECT_EQ(upstream.verify, Verify(VerifyAuthority{"/ca.pem", "other.example"}));
    EXPECT_EQ(upstream.auth.size(), 2U);
    EXPECT_EQ(upstream.recovery, (std::vector<Duration>{1s, 1min}));
    EXPECT_EQ(upstream.eight_bit, EightBitPolicy::Fail);
    EXPECT_EQ(upstream.max_message_size, 25U << 20U);
    EXPECT_EQ(load_url("smtps://h?verify=false")->upstreams[0].verify, Verify(VerifyNone{}));
    EXPECT_TRUE(std::holds_alternative<VerifyPins>(
        load_url("smtps://h?sha256=" + std::string(64, 'a'))->upstreams[0].verify));
}

struct BadCase {
    std::string_view url;
    std::string_view message;
};

TEST(UpstreamUrl, SaysWhatIsWrongButNeverThePassword) {
    constexpr std::string_view kAdvice =
        "; write smtps://user:pass@host:465 or smtp+starttls://user:pass@host:587";
    for (const BadCase& c : {
             BadCase{"preset:gmail?login=a&password=hunter2", "this version has no presets yet"},
             {"hunter2", "this is not the URL of an upstream"},
             {"http://u:hunter2@h", "the scheme of the URL is not known"},
             {"SMTPS://u:hunter2@h", "the scheme of the URL is not known"},
             {"smtps://", "the URL names no host, or one that is neither a name nor an address"},
             {"smtps://u:hunter2@", "the URL names no host, or one that is neither a name nor an address"},
             {"smtps://u:hunter2@h h", "the URL names no host, or one that is neither a name nor an address"},
             {"smtps://user:hunter2", "the port in the URL is not a number from 1 to 65535"},
             {"smtps://u:hunter2@h:0", "the port in the URL is not a number from 1 to 65535"},
             {"smtps://u:hunter2@h:99999", "the port in the URL is not a number from 1 to 65535"},
             {"smtps://:hunter2@h", "the URL has a '@' but no user before it"},
         }) {
        EXPECT_EQ(faults_of(c.url),
                  "$POSTHOUSE_UPSTREAM: " + std::string(c.message) + std::string(kAdvice) + "\n")
            << c.url;
    }
    for (const BadCase& c : {
             BadCase{"smtps://u:hunter2#x@h",
                     "the URL contains '#'; write %23 for a '#' in the user or password"},
             {"smtps://u:hunter2%@h",
              "the user or password has a '%' without two hexadecimal digits behind it; write %25 for a '%'"},
             {"smtps://u:hunter2%4@h",
              "the user or password has a '%' without two hexadecimal digits behind it; write %25 for a '%'"},
             {"smtps://u:hunter2%zz@h",
              "the user or password has a '%' without two hexadecimal digits behind it; write %25 for a '%'"},
             {"smtps://h?ca_file=%",
              "a parameter has a '%' without two hexadecimal digits behind it; write %25 for a '%'"},
             {"smtps://u:hun?ter2@h",
              "the URL has a '@' behind its '?'; in user, password and parameters write %3F for '?', %40 for "
              "'@'"},
             {"smtps://shop@gmail.com:hun?ter2@smtp.gmail.com",
              "the URL has a '@' behind its '?'; in user, password and parameters write %3F for '?', %40 for "
              "'@'"},
             {"smtps://h?connections=1&connections=2", "\"connections\" is given twice; remove one of them"},
             {"smtps://h?limits=a&limits=b", "\"limits\" is given twice; separate the values by commas"},
             {"smtps://h?host=i", "\"host\" is given twice; remove one of them"},
             {"smtps://h?verify=true&name=a",
              "verify cannot be combined with ca_file, name or sha256; remove verify"},
             {"smtps://u@h", "upstreams.default: a login is given without a password; give both, or none"},
             {"smtps://u:hunter2%0A@h",
              "upstreams.default.password: the secret in this place has a line end or a NUL octet inside; "
              "give the secret "
              "alone, on one line"},
             {"smtps://%FF:hunter2@h", "upstreams.default.login: the text is not UTF-8"},
             {"smtps://u%C2%9B:hunter2@h", "upstreams.default.login: the text contains control characters"},
             {"smtps://u%00:hunter2@h", "upstreams.default.login: the text contains control characters"},
         }) {
        EXPECT_EQ(faults_of(c.url).substr(0, 21 + c.message.size()),
                  "$POSTHOUSE_UPSTREAM: " + std::string(c.message))
            << c.url;
    }
    EXPECT_THAT(faults_of("smtps://u:hunter2@h?" + std::string(20'000, 'x')),
                ::testing::HasSubstr("longer than 16 KiB"));
}

TEST(UpstreamUrl, KeepsThePasswordOutOfEveryFault) {
    // Every octet of a URL in turn replaced by every octet that has a meaning in URLs.
    const std::string sound = "smtps://user:hunter2@host.example:465?connections=2&limits=5 messages/day";
    for (std::size_t i = 0; i < sound.size(); ++i) {
        if (i >= 13 && i < 20) continue;  // the password itself
        for (const char c : std::string_view(":/?#[]@!$&'()*+,;=% \0\n\x80", 23)) {
            std::string broken = sound;
            broken[i] = c;
            EXPECT_THAT(faults_of(broken), ::testing::Not(::testing::HasSubstr("hunter2"))) << broken;
        }
    }
}

}  // namespace
}  // namespace posthouse::config
