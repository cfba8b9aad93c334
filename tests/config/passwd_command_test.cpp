#include "config/users_file.h"
#include "daemon/cli/passwd.h"

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

Ran run_passwd(const std::string& login, const std::string& input, bool terminal = false) {
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    const int status = passwd({login, terminal}, in, out, err);
    return {status, out.str(), err.str()};
}

TEST(PasswdCommand, PrintsALineThatTheUsersFileTakes) {
    for (const std::string_view ending : {"\n", "\r\n", ""}) {
        const Ran ran = run_passwd("shop", "correct horse" + std::string(ending));
        ASSERT_EQ(ran.status, 0) << ran.err;
        EXPECT_EQ(ran.err, "");
        const auto users = config::UsersFile::parse(ran.out, "users");
        ASSERT_TRUE(users) << to_string(users.error());
        EXPECT_TRUE(users->verify("shop", "correct horse"));
    }
}

TEST(PasswdCommand, AsksTwiceOnATerminal) {
    EXPECT_EQ(run_passwd("shop", "one\none\n", true).status, 0);
    const Ran differ = run_passwd("shop", "one\ntwo\n", true);
    EXPECT_EQ(differ.status, 65);
    EXPECT_EQ(differ.out, "");
    EXPECT_THAT(differ.err, HasSubstr("the two passwords differ"));
    EXPECT_EQ(run_passwd("shop", "one\n", true).status, 65);
}

TEST(PasswdCommand, RefusesWhatCannotBe) {
    EXPECT_EQ(run_passwd("a:b", "hunter2\n").status, 64);
    EXPECT_EQ(run_passwd("", "hunter2\n").status, 64);
    EXPECT_EQ(run_passwd("shop", "").status, 65);
    EXPECT_EQ(run_passwd("shop", "\n").status, 65);
    const Ran too_long = run_passwd("shop", std::string(600, 'x') + "\n");
    EXPECT_EQ(too_long.status, 65);
    EXPECT_EQ(too_long.out, "");
    EXPECT_THAT(too_long.err, Not(HasSubstr("xxx")));
}

}  // namespace
}  // namespace posthouse::cli
