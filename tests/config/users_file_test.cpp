#include "config/users_file.h"

#include "tests/config/environment_for_tests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace posthouse::config {
namespace {

using ::testing::HasSubstr;

// Hashes of "secret": yescrypt and SHA-512 at their lowest price, so that the tests stay quick.
constexpr std::string_view kYescrypt =
    "$y$j75$X6HSEA07qRr3/3jfpZUUl0$b1birHLxnmKBhx1kQSF3BWpzsfZr2E2Row58bqZfMw7";
constexpr std::string_view kSha512 =
    "$6$rounds=1000$abcdefgh$nhYjN017qxiYztzyUpZtPnUQcnLy62KsunSLHNeLahp2EHPlAKmFFlrjEwSXGo2kgY5hR2."
    "peKEg2VGUqIJJu1";

UsersFile parsed(const std::string& text) {
    auto users = UsersFile::parse(text, "users");
    EXPECT_TRUE(users) << (users ? "" : to_string(users.error()));
    return users ? std::move(*users) : UsersFile();
}

std::string faults_of(const std::string& text) {
    const auto users = UsersFile::parse(text, "users");
    return users ? "accepted" : to_string(users.error());
}

TEST(UsersFile, LetsInWhoKnowsThePassword) {
    const UsersFile users = parsed("# who may log in\n\nshop:" + std::string(kYescrypt) +
                                   "\r\ncrm:" + std::string(kSha512) + "\n");
    EXPECT_EQ(users.size(), 2U);
    EXPECT_TRUE(users.verify("shop", "secret"));
    EXPECT_TRUE(users.verify("crm", "secret"));
}

TEST(UsersFile, KeepsOutEverybodyElse) {
    const UsersFile users = parsed("shop:" + std::string(kYescrypt) + "\n");
    EXPECT_FALSE(users.verify("shop", "Secret"));
    EXPECT_FALSE(users.verify("shop", ""));
    EXPECT_FALSE(users.verify("shop", "secret2"));
    EXPECT_FALSE(users.verify("Shop", "secret"));
    EXPECT_FALSE(users.verify("nobody", "secret")) << "the decoy must not be a way in";
    EXPECT_FALSE(users.verify("", "secret"));
    EXPECT_FALSE(users.verify("shop", std::string_view("secret\0", 7))) << "what follows a NUL counts";
    EXPECT_FALSE(users.verify("shop", std::string(100'000, 'x')));
    EXPECT_FALSE(UsersFile().verify("shop", "secret"));
}

TEST(UsersFile, TakesTheLinesThatPasswdMakes) {
    const auto line = make_users_line("shop", "correct horse");
    ASSERT_TRUE(line) << line.error().message();
    EXPECT_TRUE(line->starts_with("shop:$y$")) << *line;
    EXPECT_EQ(line->find("correct horse"), std::string::npos);
    const UsersFile users = parsed(*line + "\n");
    EXPECT_TRUE(users.verify("shop", "correct horse"));
    EXPECT_FALSE(users.verify("shop", "correct house"));
    EXPECT_NE(*make_users_line("shop", "correct horse"), *line) << "each line has its own salt";
}

TEST(UsersFile, RefusesLoginsAndPasswordsThatCannotBe) {
    for (const std::string_view login : {"", "a:b", "a b", "a\nb", "#a", "a\x7f"}) {
        EXPECT_FALSE(make_users_line(login, "secret")) << login;
    }
    EXPECT_FALSE(make_users_line(std::string(321, 'a'), "secret"));
    EXPECT_FALSE(make_users_line("shop", ""));
    EXPECT_FALSE(make_users_line("shop", std::string(512, 'x')));
    EXPECT_FALSE(make_users_line("shop", std::string_view("a\0b", 3)));
}

TEST(UsersFile, SaysWhoMaySendAsWhom) {
    const std::string hash(kYescrypt);
    const UsersFile users = parsed("any:" + hash + "\nshop:" + hash + ":*@shop.example,Boss@corp.example\n");
    EXPECT_TRUE(users.may_send_as("any", "x@y"));
    EXPECT_TRUE(users.may_send_as("shop", "info@SHOP.example"));
    EXPECT_TRUE(users.may_send_as("shop", "boss@corp.example"));
    EXPECT_TRUE(users.may_send_as("shop", "")) << "<> speaks for nobody";
    EXPECT_FALSE(users.may_send_as("shop", "clerk@corp.example"));
    EXPECT_FALSE(users.may_send_as("shop", "x@shop.example.evil"));
    EXPECT_FALSE(users.may_send_as("unknown", "x@shop.example"));
}

TEST(UsersFile, NamesTheLineAndColumnOfEveryFault) {
    const std::string hash(kYescrypt);
    const auto column = [&](std::size_t behind) { return std::to_string(hash.size() + behind); };
    EXPECT_EQ(
        faults_of("shop\n:" + hash + "\na b:" + hash +
                  "\ncrm:plaintext\nold:$1$abcdefgh$aaaaaaaaaaaaaaaaaaaaaa\n" + "good:" + hash +
                  "\ngood:" + hash + "\nx:" + hash + ":a@b,,c d\n"),
        "users:1:1: the login \"shop\" has no password hash; make the line with: posthouse passwd shop\n"
        "users:2:1: the login is empty; write login:hash\n"
        "users:3:1: a login must not contain ':', blanks or control characters; write login:hash\n"
        "users:4:5: login \"crm\": what stands behind it is no strong password hash; make the line with: "
        "posthouse passwd crm\n"
        "users:5:5: login \"old\": what stands behind it is no strong password hash; make the line with: "
        "posthouse passwd old\n"
        "users:7:1: the login \"good\" is here twice; remove one of the lines\n"
        "users:8:" +
            column(8) +
            ": login \"x\": \"\" is not a sender pattern; write addresses like shop@example.org or "
            "*@example.org, separated by commas\n"
            "users:8:" +
            column(9) +
            ": login \"x\": \"c d\" is not a sender pattern; write addresses like shop@example.org or "
            "*@example.org, separated by commas\n");
}

TEST(UsersFile, NeverRepeatsAPasswordThatStandsWhereTheHashShould) {
    EXPECT_EQ(faults_of("shop:hunter2hunter2\n").find("hunter2"), std::string::npos);
    EXPECT_EQ(faults_of("shop:ab2hunter2..5\n").find("hunter2"), std::string::npos)
        << "looks like a DES hash";
}

TEST(UsersFile, IsReadFromDisk) {
    const TemporaryDirectory directory;
    const auto file = directory.write("users", "shop:" + std::string(kYescrypt) + "\n");
    const auto users = UsersFile::load(file);
    ASSERT_TRUE(users);
    EXPECT_TRUE(users->verify("shop", "secret"));
    for (const auto& path : {directory.path() / "absent", directory.path()}) {
        const auto failed = UsersFile::load(path);
        ASSERT_FALSE(failed);
        EXPECT_THAT(to_string(failed.error()), HasSubstr("cannot read the users file"));
    }
}

}  // namespace
}  // namespace posthouse::config
