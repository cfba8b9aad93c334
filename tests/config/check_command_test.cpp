#include "config/show.h"
#include "config/users_file.h"
#include "daemon/cli/check.h"
#include "tests/config/environment_for_tests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace posthouse::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Ran {
    int status;
    std::string out;
    std::string err;
};

Ran run_check(const CheckOptions& options,
              const config::Environment& environment = config::environment_for_tests()) {
    std::ostringstream out;
    std::ostringstream err;
    const int status = check(options, environment, out, err);
    return {status, out.str(), err.str()};
}

TEST(CheckCommand, SummarisesAGoodFile) {
    const config::TemporaryDirectory directory;
    directory.write("users", config::make_users_line("shop", "secret").value() + "\n");
    const auto file = directory.write("p.yaml", "clients: {users_file: users}\nupstreams: {a: {host: h}}\n");
    const Ran ran = run_check({file});
    EXPECT_EQ(ran.status, 0);
    EXPECT_EQ(ran.out, file.string() + ": good: 1 listener, 1 upstream, 1 route, 1 login\n");
    EXPECT_EQ(ran.err, "");
    EXPECT_EQ(run_check({.config = file, .json = true}).out, "{\"ok\": true, \"faults\": []}\n");
}

TEST(CheckCommand, NamesFaultsAndExitsWith78) {
    const config::TemporaryDirectory directory;
    const auto file = directory.write("p.yaml", "hostnme: x\nupstreams: {a: {host: h, port: \"0\"}}\n");
    const Ran ran = run_check({file});
    EXPECT_EQ(ran.status, 78);
    EXPECT_EQ(ran.out, "");
    EXPECT_EQ(ran.err,
              file.string() + ":1:1: the key \"hostnme\" is not known; did you mean \"hostname\"?\n" +
                  file.string() + ":2:32: upstreams.a.port: \"0\" is not a number from 1 to 65535\n");
    const Ran json = run_check({.config = file, .json = true});
    EXPECT_EQ(json.status, 78);
    EXPECT_EQ(json.err, "");
    EXPECT_THAT(
        json.out,
        HasSubstr(
            "\"line\": 2,\n      \"column\": 32,\n      \"what\": \"upstreams.a.port: \\\"0\\\" is not a "
            "number from 1 to 65535\""));
}

TEST(CheckCommand, LooksIntoTheUsersFile) {
    const config::TemporaryDirectory directory;
    const auto users = directory.write("users", "shop:hunter2\n");
    const auto file = directory.write("p.yaml", "clients: {users_file: users}\nupstreams: {a: {host: h}}\n");
    const Ran ran = run_check({file});
    EXPECT_EQ(ran.status, 78);
    EXPECT_THAT(ran.err, HasSubstr(users.string() + ":1:6: login \"shop\""));
    EXPECT_THAT(ran.err, Not(HasSubstr("hunter2")));
}

TEST(CheckCommand, ShowsWithoutSecrets) {
    const config::Environment environment =
        config::environment_for_tests({{"POSTHOUSE_UPSTREAM", "smtps://u:hunter2@smtp.example"}});
    const Ran yaml = run_check({.config = {}, .show = true}, environment);
    EXPECT_EQ(yaml.status, 0);
    EXPECT_THAT(yaml.out, HasSubstr("    password: \"********\"\n"));
    const Ran json = run_check({.config = {}, .show = true, .json = true}, environment);
    EXPECT_THAT(json.out, HasSubstr("\"password\": \"********\""));
    EXPECT_THAT(json.out, HasSubstr("\"port\": 465,"));
    EXPECT_THAT(json.out, HasSubstr("\"connect\": \"30s\""));
    EXPECT_THAT(yaml.out + json.out, Not(HasSubstr("hunter2")));
}

TEST(CheckCommand, NeedsAnUpstreamEvenWithoutAFile) {
    const Ran ran = run_check({});
    EXPECT_EQ(ran.status, 78);
    EXPECT_THAT(ran.err, HasSubstr("$POSTHOUSE_UPSTREAM: no upstream is configured"));
}

TEST(CheckCommand, PrintsTheSchema) {
    EXPECT_EQ(run_check({.config = {}, .schema = true}).out, config::json_schema());
}

}  // namespace
}  // namespace posthouse::cli
