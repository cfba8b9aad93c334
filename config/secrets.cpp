#include "config/secrets.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace posthouse::config {

namespace {

constexpr std::size_t kLargestSecretFile = 64ULL << 10U;

class Descriptor {
  public:
    explicit Descriptor(int value) : value_(value) {}
    ~Descriptor() {
        if (value_ >= 0) ::close(value_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return value_; }

  private:
    int value_;
};

std::string without_line_end(std::string text) {
    if (text.ends_with('\n')) text.pop_back();
    if (text.ends_with('\r')) text.pop_back();
    return text;
}

Parsed<std::string> checked(std::string value, const std::string& where) {
    if (value.empty()) return complain(fmt::format("the secret {} is empty", where));
    if (value.find_first_of(std::string_view("\0\r\n", 3)) != std::string::npos) {
        return complain(fmt::format("the secret {} has a line end or a NUL octet inside", where),
                        "give the secret alone, on one line");
    }
    return value;
}

}  // namespace

Result<std::string> read_secret_file(const std::filesystem::path& path, bool private_only) {
    // O_NONBLOCK: opening a FIFO must not hang the start.
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.get() < 0) {
        return fail(fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)), errno);
    }
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) {
        return fail(fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)), errno);
    }
    if (!S_ISREG(status.st_mode)) return fail(fmt::format("{} is not a regular file", path.string()));
    if (private_only && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return fail(
            fmt::format("{} holds a secret but is open to group or others (mode {:04o}); run: chmod 600 {}",
                        path.string(), status.st_mode & 07777U, path.string()));
    }
    std::string content;
    std::array<char, 4096> block{};
    while (true) {
        const ssize_t count = ::read(file.get(), block.data(), block.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0)
            return fail(fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)), errno);
        if (count == 0) return content;
        content.append(block.data(), static_cast<std::size_t>(count));
        if (content.size() > kLargestSecretFile) {
            return fail(
                fmt::format("{} is larger than 64 KiB; it should hold the secret alone", path.string()));
        }
    }
}

Parsed<Secret> resolve_secret(SecretSource source, std::string_view argument,
                              const Environment& environment) {
    const auto from_file = [&](const std::filesystem::path& path, bool private_only) -> Parsed<std::string> {
        auto content = environment.read_secret(path, private_only);
        if (!content) return complain(content.error().message());
        return checked(without_line_end(std::move(*content)), "in " + path.string());
    };
    const auto named = [&](Parsed<std::string> value, std::string kind) -> Parsed<Secret> {
        if (!value) return std::unexpected(value.error());
        Secret secret(std::move(*value));
        if (!kind.empty()) secret.set_source(std::move(kind), std::string(argument));
        return secret;
    };

    switch (source) {
        case SecretSource::Literal:
            return named(checked(std::string(argument), "in this place"), "");
        case SecretSource::File:
            return named(from_file(std::filesystem::path(argument), true), "file");
        case SecretSource::Env: {
            const auto found = environment.variables.find(argument);
            if (found == environment.variables.end()) {
                return complain(fmt::format("the environment variable {} is not set", quote(argument)),
                                "set it, or use {file: PATH}");
            }
            return named(checked(found->second, "in $" + std::string(argument)), "env");
        }
        case SecretSource::Credential: {
            const std::string_view directory = environment.variable("CREDENTIALS_DIRECTORY");
            if (directory.empty()) {
                return complain(
                    fmt::format("the credential {} cannot be read: $CREDENTIALS_DIRECTORY is not set",
                                quote(argument)),
                    "start posthouse from a systemd unit with LoadCredential=, or use {file: PATH}");
            }
            if (argument.empty() || argument.find('/') != std::string_view::npos ||
                argument.starts_with('.')) {
                return complain(fmt::format("{} is not the name of a credential", quote(argument)),
                                "write the name that LoadCredential= gives it");
            }
            return named(from_file(std::filesystem::path(directory) / argument, false), "credential");
        }
    }
    return complain("unknown source of a secret");
}

}  // namespace posthouse::config
