// Reading secrets: a literal, {file: PATH}, {env: NAME} or {credential: NAME} (systemd's
// $CREDENTIALS_DIRECTORY).
//
// A file must be a regular file that only its owner may read, at most 64 KiB; one trailing line end is
// stripped. Credentials are guarded by their directory, so their mode is not looked at. No message contains a
// secret.
#pragma once

#include "config/environment.h"
#include "config/fault.h"
#include "config/schema.h"
#include "protocol/result.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace posthouse::config {

// The file as it is, checked as above. Used as Environment::read_secret.
[[nodiscard]] Result<std::string> read_secret_file(const std::filesystem::path& path, bool private_only);

enum class SecretSource : std::uint8_t { Literal, File, Env, Credential };

// `argument` is the literal, the path, or the name. Empty secrets are refused.
[[nodiscard]] Parsed<Secret> resolve_secret(SecretSource source, std::string_view argument,
                                            const Environment& environment);

}  // namespace posthouse::config
