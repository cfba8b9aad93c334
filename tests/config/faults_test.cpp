// Every case of faults.txt: a configuration and the faults that it must give, to the letter. To take over
// changed messages: POSTHOUSE_UPDATE_GOLDEN=1 config_tests --gtest_filter='Faults.*', then read the
// difference.
#include "config/load.h"
#include "tests/config/environment_for_tests.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace posthouse::config {
namespace {

constexpr std::string_view kCaseBegins = "=== ";
constexpr std::string_view kFaultsBegin = "--- faults\n";

struct FaultCase {
    std::string name;
    std::string text;
    std::string faults;
};

std::filesystem::path golden_file() {
    return POSTHOUSE_SOURCE_DIR "/tests/config/faults.txt";
}

std::vector<FaultCase> read_cases() {
    std::ifstream stream(golden_file());
    std::vector<FaultCase> cases;
    bool in_faults = false;
    for (std::string line; std::getline(stream, line);) {
        line += '\n';
        if (line.starts_with(kCaseBegins)) {
            cases.push_back({line.substr(kCaseBegins.size(), line.size() - kCaseBegins.size() - 1), "", ""});
            in_faults = false;
        } else if (line == kFaultsBegin) {
            in_faults = true;
        } else if (!cases.empty()) {
            (in_faults ? cases.back().faults : cases.back().text) += line;
        }
    }
    return cases;
}

std::string faults_of(const std::string& text) {
    const Environment environment = environment_for_tests({{"SECRET", "hunter2"}});
    const auto loaded = load_text(text, "f.yaml", "/etc/posthouse", environment);
    return loaded ? "" : to_string(loaded.error());
}

TEST(Faults, AreNamedWithPlaceCauseAndAdvice) {
    std::vector<FaultCase> cases = read_cases();
    ASSERT_GT(cases.size(), 50U);
    if (std::getenv("POSTHOUSE_UPDATE_GOLDEN") != nullptr) {
        std::ofstream stream(golden_file());
        for (const FaultCase& c : cases) {
            stream << kCaseBegins << c.name << '\n' << c.text << kFaultsBegin << faults_of(c.text);
        }
    }
    for (const FaultCase& c : cases) {
        EXPECT_NE(c.faults, "") << c.name << ": a case of this file must be at fault";
        EXPECT_EQ(faults_of(c.text), c.faults) << c.name;
    }
}

TEST(Faults, NeverContainASecret) {
    for (const FaultCase& c : read_cases()) {
        EXPECT_EQ(faults_of(c.text).find("hunter2"), std::string::npos) << c.name;
    }
}

TEST(Faults, NeverEscapeAsExceptionsOfTheFile) {
    const Environment environment = environment_for_tests();
    const TemporaryDirectory directory;
    for (const auto& path : {directory.path(), directory.path() / "absent.yaml"}) {
        const auto loaded = load(path, environment);
        ASSERT_FALSE(loaded);
        EXPECT_EQ(loaded.error().size(), 1U);
        EXPECT_EQ(loaded.error()[0].file, path.string());
        EXPECT_EQ(loaded.error()[0].line, 0);
    }
    const auto large = directory.write("large.yaml", "# " + std::string(2U << 20U, 'x'));
    EXPECT_EQ(load(large, environment).error()[0].what, "the file is larger than 1 MiB");
}

}  // namespace
}  // namespace posthouse::config
