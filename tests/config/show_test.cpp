#include "config/show.h"

#include "config/load.h"
#include "tests/config/environment_for_tests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace posthouse::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kAllSecrets = R"(
hostname: relay.example
upstreams:
  literal: {host: a.example, login: u, password: hunter2}
  quoted: {host: b.example, login: u, password: "hunter2: #'\"\\"}
  number: {host: c.example, login: u, password: 12345678}
  file: {host: d.example, login: u, password: {file: gmail.secret}}
  env: {host: e.example, login: u, password: {env: SES_PASSWORD}}
  credential: {host: f.example, login: u, password: {credential: office}}
)";

Environment environment_with_secrets() {
    return environment_for_tests(
        {{"SES_PASSWORD", "hunter3"}, {"CREDENTIALS_DIRECTORY", "/run/credentials"}});
}

Settings loaded_from(std::string_view text) {
    const auto loaded = load_text(text, "f.yaml", "/etc/posthouse", environment_with_secrets());
    EXPECT_TRUE(loaded) << (loaded ? "" : to_string(loaded.error())) << text;
    return loaded ? *loaded : Settings{};
}

TEST(Show, MasksEverySecret) {
    const Settings settings = loaded_from(kAllSecrets);
    EXPECT_EQ(settings.upstreams[3].password.reveal(), "secret-of-gmail.secret");
    for (const std::string& text : {show(settings), show_json(settings)}) {
        for (const std::string_view secret : {"hunter2", "hunter3", "12345678", "secret-of"}) {
            EXPECT_THAT(text, Not(HasSubstr(std::string(secret))));
        }
    }
    EXPECT_THAT(show(settings), HasSubstr("password: \"********\"\n"));
}

TEST(Show, SaysWhereSecretsComeFrom) {
    const std::string text = show(loaded_from(kAllSecrets));
    EXPECT_THAT(text, HasSubstr("password:\n      file: /etc/posthouse/gmail.secret\n"));
    EXPECT_THAT(text, HasSubstr("password:\n      env: SES_PASSWORD\n"));
    EXPECT_THAT(text, HasSubstr("password:\n      credential: office\n"));
}

TEST(Show, LoadsAgainToTheSameSettings) {
    struct Case {
        std::string_view name;
        std::string_view text;
    };
    for (
        const Case& c : {
            Case{"least", "upstreams: {a: {host: h}}"},
            {"no networks", "clients: {networks: []}\nupstreams: {a: {host: h}}"},
            {"TLS",
             "tls: {certificate: c, key: k}\nlisten: [{address: ':25'}, {address: 'unix:x', tls: implicit}]\n"
             "upstreams: {a: {host: h}}"},
            {"users",
             "clients: {users_file: u}\nlisten: [{address: '[::1]:0', auth: required, auth_in_clear: true}]\n"
             "upstreams: {a: {host: h}}"},
            {"login to loopback",
             "upstreams: {a: {host: h, hosts: [127.0.0.1], tls: none, login: u, password: {env: "
             "SES_PASSWORD}}}"},
            {"login in clear",
             "upstreams: {a: {host: h, tls: none, login: u, auth_in_clear: true, password: {env: "
             "SES_PASSWORD}}}"},
            {"verify by name", "upstreams: {a: {host: h, verify: {name: n}}}"},
            {"no verify", "upstreams: {a: {host: h, verify: false}}"},
            {"pins",
             "upstreams: {a: {host: h, verify: {sha256: ['00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:"
             "11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff']}}}"},
            {"limits", "upstreams: {a: {host: h, limits: [14 recipients/second, 7 messages / 90 minutes]}}"},
            {"sizes",
             "clients: {max_message_size: 1000001}\nspool: {min_free: 0}\nupstreams: {a: {host: h, "
             "max_message_size: 30MB}}"},
            {"odd words",
             "upstreams: {'null': {host: 'true'}, '1': {host: '1.2.3.4'}, yes: {host: no, login: '~', "
             "password: {env: SES_PASSWORD}}}\nroutes: [{match: {login: ' #: '}, via: [yes, '1']}]"},
            {"unicode",
             "routes: [{match: {sender: '*@bücher.example', login: '\"\\'}, via: [a]}]\nupstreams: {a: "
             "{host: h}}"},
            {"jitter",
             "retry: {jitter: 7.07%, schedule: [1m30s], expire_after: 1w}\nupstreams: {a: {host: h}}"},
            {"routes",
             "routes: [{match: {}, via: [b], priority: low, expire_after: 30m}]\nupstreams: {a: {host: h}, "
             "b: "
             "{host: i}}\nbounces: {to: postmaster, postmaster: p@q.example, via: [b]}"},
        }) {
        const Settings settings = loaded_from(c.text);
        EXPECT_EQ(loaded_from(show(settings)), settings) << c.name << "\n" << show(settings);
    }
}

TEST(Show, PrintsTheDefaults) {
    EXPECT_EQ(show(loaded_from("upstreams: {a: {host: h.example}}")), R"(hostname: relay.test
listen:
  - address: "127.0.0.1:2525"
    tls: none
    auth: none
    auth_in_clear: false
tls:
  minimum_version: TLSv1.2
clients:
  networks: ["127.0.0.0/8", "::1/128"]
  max_connections: 1000
  max_connections_per_address: 200
  max_message_size: 50MiB
  max_recipients: 1000
  bare_newlines: reject
spool:
  path: /var/lib/posthouse
  min_free: 512MiB
  max_size: 20GiB
upstreams:
  a:
    host: h.example
    port: 587
    tls: starttls
    verify: true
    auth_in_clear: false
    connections: 2
    messages_per_connection: 100
    max_recipients: 100
    uncertain: retry
    eight_bit: convert
    recovery: [30s, 1m, 5m, 15m, 1h]
    timeouts:
      connect: 30s
      command: 5m
      data: 3m
      final_reply: 10m
routes:
  - priority: normal
    via: [a]
retry:
  schedule: [1m, 2m, 5m, 10m, 15m, 30m, 1h, 2h, 4h]
  jitter: 10%
  expire_after: 5d
bounces:
  to: sender
admin:
  listen: ["unix:/var/lib/posthouse/admin.sock"]
log:
  level: info
  format: text
io_threads: 2
)");
}

}  // namespace
}  // namespace posthouse::config
