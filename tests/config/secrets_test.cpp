#include "config/secrets.h"

#include "tests/config/environment_for_tests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

namespace posthouse::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Environment with_real_files(std::map<std::string, std::string, std::less<>> variables = {}) {
    Environment environment = environment_for_tests(std::move(variables));
    environment.read_secret = read_secret_file;
    return environment;
}

TEST(Secrets, ComeFromTheFourSources) {
    const TemporaryDirectory directory;
    const auto file = directory.write("secret", "of file\n");
    directory.write("office", "of credential\r\n", 0440);
    const Environment environment =
        with_real_files({{"NAME", "of env"}, {"CREDENTIALS_DIRECTORY", directory.path().string()}});
    EXPECT_EQ(resolve_secret(SecretSource::Literal, "plain", environment)->reveal(), "plain");
    EXPECT_EQ(resolve_secret(SecretSource::File, file.string(), environment)->reveal(), "of file");
    EXPECT_EQ(resolve_secret(SecretSource::Env, "NAME", environment)->reveal(), "of env");
    EXPECT_EQ(resolve_secret(SecretSource::Credential, "office", environment)->reveal(), "of credential");
}

TEST(Secrets, LoseOneLineEndAndNoOtherBlanks) {
    const TemporaryDirectory directory;
    const auto file = directory.write("secret", " a b \n");
    EXPECT_EQ(resolve_secret(SecretSource::File, file.string(), with_real_files())->reveal(), " a b ");
}

TEST(Secrets, AreRefusedFromFilesOpenToOthers) {
    const TemporaryDirectory directory;
    for (const unsigned mode : {0640U, 0604U, 0644U, 0660U, 0610U}) {
        const auto file = directory.write("secret", "hunter2", mode);
        const auto secret = resolve_secret(SecretSource::File, file.string(), with_real_files());
        ASSERT_FALSE(secret) << mode;
        EXPECT_THAT(secret.error().what, HasSubstr("run: chmod 600 " + file.string()));
        EXPECT_THAT(to_string(secret.error()), Not(HasSubstr("hunter2")));
    }
    const auto file = directory.write("secret", "hunter2", 0400);
    EXPECT_TRUE(resolve_secret(SecretSource::File, file.string(), with_real_files()));
}

TEST(Secrets, AreRefusedFromWhatIsNoFileOfASecret) {
    const TemporaryDirectory directory;
    const auto what = [&](const std::filesystem::path& path) {
        const auto secret = resolve_secret(SecretSource::File, path.string(), with_real_files());
        return secret ? "accepted" : secret.error().what;
    };
    EXPECT_THAT(what(directory.path() / "absent"), HasSubstr("No such file"));
    EXPECT_THAT(what(directory.path()), HasSubstr("is not a regular file"));
    const auto fifo = directory.path() / "fifo";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    EXPECT_THAT(what(fifo), HasSubstr("is not a regular file"));
    EXPECT_THAT(what(directory.write("empty", "")), HasSubstr("is empty"));
    EXPECT_THAT(what(directory.write("newline", "\n")), HasSubstr("is empty"));
    EXPECT_THAT(what(directory.write("two", "hunter2\nhunter3\n")), HasSubstr("has a line end"));
    EXPECT_THAT(what(directory.write("two", "hunter2\nhunter3\n")), Not(HasSubstr("hunter")));
    EXPECT_THAT(what(directory.write("large", std::string(65'537, 'x'))), HasSubstr("larger than 64 KiB"));
    EXPECT_EQ(what(directory.write("fits", std::string(65'536, 'x'))), "accepted");
}

TEST(Secrets, SayWhichVariableOrCredentialIsMissing) {
    const auto message = [](SecretSource source, std::string_view argument, const Environment& environment) {
        const auto secret = resolve_secret(source, argument, environment);
        return secret ? "accepted" : to_string(secret.error());
    };
    EXPECT_EQ(message(SecretSource::Env, "NAME", with_real_files()),
              R"(the environment variable "NAME" is not set; set it, or use {file: PATH})");
    EXPECT_EQ(message(SecretSource::Env, "NAME", with_real_files({{"NAME", ""}})),
              "the secret in $NAME is empty");
    EXPECT_EQ(
        message(SecretSource::Credential, "x", with_real_files()),
        R"(the credential "x" cannot be read: $CREDENTIALS_DIRECTORY is not set; start posthouse from a systemd )"
        R"(unit with LoadCredential=, or use {file: PATH})");
    const Environment environment = with_real_files({{"CREDENTIALS_DIRECTORY", "/nowhere"}});
    for (const std::string_view name : {"../etc/shadow", "..", ""}) {
        EXPECT_THAT(message(SecretSource::Credential, name, environment),
                    HasSubstr("is not the name of a credential"));
    }
}

TEST(Secrets, AreMaskedWhenPrinted) {
    EXPECT_EQ(to_string(Secret("hunter2")), "********");
}

}  // namespace
}  // namespace posthouse::config
