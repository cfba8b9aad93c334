// Everything outside the configuration file that the loader looks at, as a value: tests give their own, and
// only environment_of_this_machine() reads the real one.
#pragma once

#include "protocol/result.h"

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace posthouse::config {

struct Environment {
    std::map<std::string, std::string, std::less<>> variables;
    std::function<std::string()> hostname;  // the FQDN of the machine; asked only when none is configured
    unsigned processors = 1;
    // The content of a file that holds a secret; private_only: refuse one that others than its owner may
    // read.
    std::function<Result<std::string>(const std::filesystem::path&, bool private_only)> read_secret;
    // Whether this account may read the file; the error says why not.
    std::function<Result<void>(const std::filesystem::path&)> readable;
    // What relative paths in variables are relative to; absolute.
    std::filesystem::path working_directory = "/";
    // Loaded when no file is named and it exists.
    std::filesystem::path standard_file = "/etc/posthouse/posthouse.yaml";

    // The value of a variable, or "".
    [[nodiscard]] std::string_view variable(std::string_view name) const;
};

[[nodiscard]] Environment environment_of_this_machine();

}  // namespace posthouse::config
