// An Environment that touches nothing of the machine: a fixed host name, secrets and readable files from
// maps.
#pragma once

#include "config/environment.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unistd.h>

namespace posthouse::config {

inline Environment environment_for_tests(std::map<std::string, std::string, std::less<>> variables = {}) {
    Environment environment;
    environment.variables = std::move(variables);
    environment.hostname = [] { return std::string("relay.test"); };
    environment.processors = 4;
    environment.read_secret = [](const std::filesystem::path& path, bool) -> Result<std::string> {
        if (path.filename() == "absent")
            return fail("cannot read " + path.string() + ": No such file or directory");
        return "secret-of-" + path.filename().string() + "\n";
    };
    environment.readable = [](const std::filesystem::path& path) -> Result<void> {
        if (path.filename() == "absent") return fail("No such file or directory");
        return {};
    };
    environment.standard_file = "/nowhere/posthouse.yaml";
    return environment;
}

// A directory of one test, gone afterwards.
class TemporaryDirectory {
  public:
    TemporaryDirectory() {
        std::string name = (std::filesystem::temp_directory_path() / "posthouse-config-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    std::filesystem::path write(const std::string& name, std::string_view content,
                                unsigned mode = 0600) const {
        const std::filesystem::path file = path_ / name;
        std::ofstream(file, std::ios::binary) << content;
        std::filesystem::permissions(file, static_cast<std::filesystem::perms>(mode));
        return file;
    }

  private:
    std::filesystem::path path_;
};

}  // namespace posthouse::config
