// From the configuration file to Settings: everything is checked, and all faults are reported at once.
//
// A key that this version does not obey is a fault, never ignored. What the file leaves out is taken from the
// environment ($POSTHOUSE_HOSTNAME, $POSTHOUSE_LISTEN, $POSTHOUSE_NETWORKS, $POSTHOUSE_SPOOL,
// $POSTHOUSE_UPSTREAM; each also as NAME_FILE, the path of a file with the value), then from the defaults.
// Relative paths in the file are relative to the file's directory. Input is untrusted: at most 1 MiB, 32
// levels, no aliases.
//
// Never throws, never logs. Blocking (reads files); call it off the event loop.
#pragma once

#include "config/environment.h"
#include "config/fault.h"
#include "config/schema.h"

#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::config {

using Loaded = std::expected<Settings, std::vector<Fault>>;

[[nodiscard]] Loaded load(const std::filesystem::path& file, const Environment& environment);

// No file at all: $POSTHOUSE_UPSTREAM and the defaults.
[[nodiscard]] Loaded load_environment(const Environment& environment);

// The text of a file; `name` appears in faults, `directory` is what relative paths are relative to.
[[nodiscard]] Loaded load_text(std::string_view text, const std::string& name,
                               const std::filesystem::path& directory, const Environment& environment);

// Which file a command reads: the one of --config, else $POSTHOUSE_CONFIG, else the standard file if it
// exists. Nothing: there is none, use load_environment().
[[nodiscard]] std::optional<std::filesystem::path> find_file(const std::filesystem::path& named,
                                                             const Environment& environment);

// find_file, then load or load_environment.
[[nodiscard]] Loaded load_found(const std::filesystem::path& named, const Environment& environment);

}  // namespace posthouse::config
