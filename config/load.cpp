#include "config/load.h"

#include "config/checks.h"
#include "config/keys.h"
#include "config/yaml_document.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>

namespace posthouse::config {

namespace {

Loaded load_tree(Node root, std::vector<Fault> faults, Reader& reader) {
    Settings settings = default_settings();
    add_from_environment(reader, root);
    settings_section().read(reader, root, settings);
    complete_and_check(reader, root, settings);
    for (Fault& fault : reader.take_faults())
        faults.push_back(std::move(fault));
    if (faults.empty()) return settings;
    return std::unexpected(in_file_order(std::move(faults)));
}

}  // namespace

Loaded load_text(std::string_view text, const std::string& name, const std::filesystem::path& directory,
                 const Environment& environment) {
    YamlDocument document = parse_yaml(text, name);
    if (!document.readable) return std::unexpected(std::move(document.faults));
    if (document.root.kind == Node::Kind::Null) {
        document.root = map_node();
        document.root.mark = {1, 1, {}};
    }
    Reader reader(name, directory, environment);
    if (!reader.expect(document.root, Node::Kind::Map, "a map of keys"))
        return std::unexpected(reader.take_faults());
    return load_tree(std::move(document.root), std::move(document.faults), reader);
}

Loaded load(const std::filesystem::path& file, const Environment& environment) {
    const auto failed = [&](std::string what, std::string advice) {
        return std::unexpected(std::vector<Fault>{{file.string(), 0, 0, std::move(what), std::move(advice)}});
    };
    std::error_code error;
    if (std::filesystem::is_directory(file, error)) return failed("this is a directory", "name a file");
    std::ifstream stream(file, std::ios::binary);
    if (!stream) {
        return failed(fmt::format("cannot open the file: {}", std::strerror(errno)),
                      "check the path and its permissions");
    }
    // One octet more than parse_yaml takes, so that it says what is wrong with a file that is too large.
    std::string text((1ULL << 20U) + 1, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (stream.bad()) return failed("cannot read the file", "check the disk");
    text.resize(static_cast<std::size_t>(stream.gcount()));
    const std::filesystem::path absolute = std::filesystem::absolute(file, error);
    return load_text(text, file.string(), (error ? file : absolute).parent_path(), environment);
}

Loaded load_environment(const Environment& environment) {
    Node root = map_node();
    root.mark.variable = "$POSTHOUSE_UPSTREAM";
    Reader reader("", "", environment);
    return load_tree(std::move(root), {}, reader);
}

std::optional<std::filesystem::path> find_file(const std::filesystem::path& named,
                                               const Environment& environment) {
    if (!named.empty()) return named;
    if (const std::string_view file = environment.variable("POSTHOUSE_CONFIG"); !file.empty()) return file;
    std::error_code error;
    if (std::filesystem::exists(environment.standard_file, error)) return environment.standard_file;
    return std::nullopt;
}

Loaded load_found(const std::filesystem::path& named, const Environment& environment) {
    const auto file = find_file(named, environment);
    return file ? load(*file, environment) : load_environment(environment);
}

}  // namespace posthouse::config
