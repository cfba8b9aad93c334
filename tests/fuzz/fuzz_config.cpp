// Any text as a configuration file, or (first octet 'U') as $POSTHOUSE_UPSTREAM. The loader never throws;
// every fault is one printable line; settings that load are shown and loaded again to the same settings.
#include "config/load.h"
#include "config/show.h"
#include "fuzz_input.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace config = posthouse::config;
using posthouse::fuzz::require;

namespace {

config::Environment make_environment() {
    config::Environment environment;
    environment.variables = {{"SECRET", "of the environment"}, {"CREDENTIALS_DIRECTORY", "/run/credentials"}};
    environment.hostname = [] { return std::string("relay.test"); };
    environment.processors = 4;
    environment.read_secret = [](const std::filesystem::path&, bool) -> posthouse::Result<std::string> {
        return std::string("of a file");
    };
    environment.readable = [](const std::filesystem::path&) -> posthouse::Result<void> { return {}; };
    return environment;
}

// What is left of settings once they were shown: literal secrets are the mask.
config::Settings masked(config::Settings settings) {
    for (config::Upstream& upstream : settings.upstreams) {
        if (!upstream.password.empty() && upstream.password.source_kind().empty()) {
            upstream.password = config::Secret(std::string(config::kSecretMask));
        }
    }
    return settings;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    config::Environment environment = make_environment();
    const auto load_file = [](std::string_view text, const config::Environment& with) {
        return config::load_text(text, "f.yaml", "/etc/posthouse", with);
    };
    config::Loaded loaded;
    if (input.starts_with('U')) {
        environment.variables["POSTHOUSE_UPSTREAM"] = input.substr(1);
        loaded = config::load_environment(environment);
    } else {
        loaded = load_file(input, environment);
    }
    if (!loaded) {
        require(!loaded.error().empty(), "a refusal says why");
        for (const config::Fault& fault : loaded.error()) {
            const std::string line = to_string(fault);
            require(std::none_of(line.begin(), line.end(), [](char c) { return c >= 0 && c < 0x20; }),
                    "a fault is one printable line");
        }
        return 0;
    }
    environment.variables.erase("POSTHOUSE_UPSTREAM");
    const config::Loaded again = load_file(config::show(*loaded), environment);
    require(again.has_value(), "what is shown loads");
    require(*again == masked(*loaded), "what is shown loads to the same settings");
    return 0;
}
