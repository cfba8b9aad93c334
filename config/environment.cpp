#include "config/environment.h"

#include "config/endpoint.h"
#include "config/secrets.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <netdb.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace posthouse::config {

namespace {

// The fully qualified name that the resolver gives for the host name, as `hostname -f` does; else the bare
// name.
std::string name_of_this_machine() {
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
    std::string bare = name.data();
    if (bare.find('.') != std::string::npos) return bare;
    addrinfo hints{};
    hints.ai_flags = AI_CANONNAME;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(bare.c_str(), nullptr, &hints, &found) != 0) return bare;
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
    if (found->ai_canonname == nullptr || !is_domain_name(found->ai_canonname)) return bare;
    return found->ai_canonname;
}

Result<void> open_to_read(const std::filesystem::path& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return fail(std::strerror(errno), errno);
    ::close(descriptor);
    return {};
}

}  // namespace

std::string_view Environment::variable(std::string_view name) const {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string_view{} : std::string_view(found->second);
}

Environment environment_of_this_machine() {
    Environment environment;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view line = *entry;
        const auto equals = line.find('=');
        if (equals == std::string_view::npos) continue;
        environment.variables.emplace(line.substr(0, equals), line.substr(equals + 1));
    }
    environment.hostname = name_of_this_machine;
    environment.processors = std::max(1U, std::thread::hardware_concurrency());
    environment.read_secret = read_secret_file;
    environment.readable = open_to_read;
    std::error_code unknown;
    if (auto here = std::filesystem::current_path(unknown); !unknown) environment.working_directory = here;
    return environment;
}

}  // namespace posthouse::config
