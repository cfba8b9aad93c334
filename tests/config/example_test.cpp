// The example file says what the code does: it loads, it shows every key, and its comments about defaults are
// right.
#include "config/keys.h"
#include "config/load.h"
#include "config/show.h"
#include "tests/config/environment_for_tests.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <string>

namespace posthouse::config {
namespace {

using namespace std::chrono_literals;

std::string read_source_file(const std::string& name) {
    std::ifstream stream(POSTHOUSE_SOURCE_DIR "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

Environment environment_of_example() {
    return environment_for_tests(
        {{"SES_PASSWORD", "hunter2"}, {"CREDENTIALS_DIRECTORY", "/run/credentials/posthouse"}});
}

Settings example() {
    const auto loaded = load(POSTHOUSE_SOURCE_DIR "/config/posthouse.example.yaml", environment_of_example());
    EXPECT_TRUE(loaded) << (loaded ? "" : to_string(loaded.error()));
    return loaded ? *loaded : Settings{};
}

TEST(Example, Loads) {
    const Settings settings = example();
    EXPECT_EQ(settings.hostname, "mail.shop.example");
    ASSERT_EQ(settings.listeners.size(), 4U);
    EXPECT_EQ(settings.listeners[0].tls, TlsMode::StartTls) << "a certificate is set";
    EXPECT_EQ(settings.listeners[2].tls, TlsMode::Implicit);
    EXPECT_EQ(settings.listeners[3].tls, TlsMode::None) << "a unix socket needs no TLS";
    EXPECT_EQ(settings.listeners[3].auth, protocol::AuthPolicy::Optional);
    ASSERT_EQ(settings.upstreams.size(), 3U);
    const Upstream& ses = settings.upstreams[0];
    EXPECT_EQ(ses.name, "ses");
    EXPECT_EQ(ses.password.reveal(), "hunter2");
    EXPECT_EQ(ses.limits[1], (Limit{50'000, LimitUnit::Recipients, 24h}));
    EXPECT_EQ(std::get<VerifyAuthority>(ses.verify).ca_file, "/etc/ssl/certs/ca-certificates.crt");
    EXPECT_EQ(settings.upstreams[1].password.reveal(), "secret-of-office");
    EXPECT_EQ(settings.routes[0].priority, Priority::High);
    EXPECT_EQ(settings.routes[0].match.sender, "*@shop.example");
    EXPECT_EQ(settings.routes[0].via, (std::vector<std::size_t>{0, 1}));
    EXPECT_EQ(settings.retry.schedule.size(), 9U);
    EXPECT_EQ(settings.bounces.via, std::vector<std::size_t>{0});
    EXPECT_EQ(settings.io_threads, 2U);
}

// All the names of properties in the schema of a section.
void collect_keys(const Node& schema, std::set<std::string>& keys) {
    for (const Node& child : schema.children) {
        if (child.key == "properties") {
            for (const Node& property : child.children)
                keys.insert(property.key);
        }
        collect_keys(child, keys);
    }
}

TEST(Example, NamesEveryKeyThatExists) {
    const std::string text = read_source_file("config/posthouse.example.yaml");
    std::set<std::string> keys;
    collect_keys(settings_section().schema(), keys);
    ASSERT_GT(keys.size(), 50U);
    for (const std::string& key : keys)
        EXPECT_NE(text.find(key), std::string::npos) << key;
}

TEST(JsonSchema, InTheSourcesIsTheOneOfTheCode) {
    EXPECT_EQ(read_source_file("config/schema.json"), json_schema())
        << "renew it with: posthouse check --schema > config/schema.json";
}

// The keys that a value has, against the properties that its schema allows: both from the table, by different
// ways.
void expect_described(const Node& value, const Node& schema, const std::string& where) {
    const Node* properties = schema.find("properties");
    if (value.kind == Node::Kind::List) {
        for (const Node& item : value.children)
            expect_described(item, *schema.find("items"), where + "[]");
        return;
    }
    if (value.kind != Node::Kind::Map || schema.has("anyOf")) return;
    for (const Node& child : value.children) {
        const Node* property =
            properties == nullptr ? schema.find("additionalProperties") : properties->find(child.key);
        ASSERT_NE(property, nullptr) << where << "." << child.key;
        expect_described(child, *property, where + "." + child.key);
    }
}

TEST(JsonSchema, DescribesEveryKeyThatIsShown) {
    const Settings settings = example();
    const Shown shown = settings_section().show(settings, settings);
    ASSERT_TRUE(shown);
    expect_described(*shown, settings_section().schema(), "");
}

TEST(JsonSchema, AllowsExactlyTheKeysThatTheLoaderKnows) {
    // A key of the schema is never called unknown by the loader; every other key is.
    const Node schema = settings_section().schema();
    const Node* properties = schema.find("properties");
    ASSERT_NE(properties, nullptr);
    const auto unknown = [](const std::string& key) {
        const auto loaded = load_text(key + ":\n", "f", "/", environment_for_tests());
        return to_string(loaded.error()).find("the key \"" + key + "\" is not known") != std::string::npos;
    };
    for (const Node& property : properties->children)
        EXPECT_FALSE(unknown(property.key)) << property.key;
    EXPECT_TRUE(unknown("hostnme"));
}

}  // namespace
}  // namespace posthouse::config
