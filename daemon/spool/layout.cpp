#include "daemon/spool/layout.h"

#include <cerrno>
#include <charconv>

namespace posthouse::spool {
namespace {

constexpr std::size_t kDigits = 8;
constexpr std::string_view kExtension = ".log";
constexpr std::string_view kUnborn = ".new";

std::string parent_of(const std::string& path) {
    const auto slash = path.find_last_of('/');
    if (slash == std::string::npos) {
        return ".";
    }
    return slash == 0 ? "/" : path.substr(0, slash);
}

// A new directory is durable only when its name in the parent is.
Result<void> make_durable_directory(FileSystem& files, const std::string& path) {
    if (auto made = files.make_directory(path); !made && made.error().os_error() != EEXIST) {
        return made;
    }
    return files.sync_directory(parent_of(path));
}

Result<void> make_missing(FileSystem& files, const std::string& path) {
    const auto status = files.status(path);
    if (!status) {
        return std::unexpected(status.error());
    }
    if (*status) {
        return {};
    }
    if (auto parent = make_missing(files, parent_of(path)); !parent) {
        return parent;
    }
    return make_durable_directory(files, path);
}

}  // namespace

Layout::Layout(std::string path) : root(std::move(path)) {
    while (root.size() > 1 && root.ends_with('/')) {
        root.pop_back();
    }
    lock = root + "/lock";
    manifest = root + "/manifest";
    segments = root + "/segments";
    content = root + "/content";
    damaged = root + "/damaged";
}

std::string Layout::segment(std::uint32_t sequence) const {
    return segments + "/" + segment_name(sequence);
}

std::string Layout::unborn_segment(std::uint32_t sequence) const {
    return segment(sequence).append(kUnborn);
}

std::string Layout::content_of(MessageId id) const {
    return content + "/" + to_string(id);
}

std::string segment_name(std::uint32_t sequence) {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string name(kDigits, '0');
    for (std::size_t i = kDigits; i-- > 0; sequence >>= 4U) {
        name[i] = kHex[sequence & 15U];
    }
    return name.append(kExtension);
}

std::optional<std::uint32_t> parse_segment_name(std::string_view name) {
    if (name.size() != kDigits + kExtension.size() || !name.ends_with(kExtension)) {
        return std::nullopt;
    }
    std::uint32_t sequence = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + kDigits, sequence, 16);
    // The name must be the one that we would have written: no upper case, and 0 is no segment.
    if (error != std::errc{} || end != name.data() + kDigits || sequence == 0 ||
        segment_name(sequence) != name) {
        return std::nullopt;
    }
    return sequence;
}

bool is_unborn_segment(std::string_view name) {
    return name.ends_with(kUnborn) && parse_segment_name(name.substr(0, name.size() - kUnborn.size()));
}

Result<void> check_directory(FileSystem& files, const std::string& path) {
    const auto status = files.status(path);
    if (!status) {
        return std::unexpected(status.error());
    }
    if (!*status) {
        return fail("there is no spool at " + path, ENOENT);
    }
    const FileStatus& facts = **status;
    if (facts.kind == FileKind::Symlink) {
        return fail("the spool " + path + " is a symbolic link: name the directory itself", ELOOP);
    }
    if (facts.kind != FileKind::Directory) {
        return fail("the spool " + path + " is no directory: remove it or name another path", ENOTDIR);
    }
    if (!facts.ours) {
        return fail("the spool " + path + " belongs to user " + std::to_string(facts.owner) +
                        ": start as that user, or chown -R it to the user that runs posthouse",
                    EPERM);
    }
    if ((facts.permissions & 0022U) != 0) {
        return fail("the spool " + path + " may be written by others: chmod 0700 " + path, EPERM);
    }
    return {};
}

Result<void> prepare_directory(FileSystem& files, const Layout& layout) {
    const auto existing = files.status(layout.root);
    if (!existing) {
        return std::unexpected(existing.error());
    }
    if (!*existing) {
        if (auto made = make_missing(files, layout.root); !made) {
            return made;
        }
    }
    if (auto checked = check_directory(files, layout.root); !checked) {
        return checked;
    }
    for (const std::string* part : {&layout.segments, &layout.content, &layout.damaged}) {
        const auto status = files.status(*part);
        if (!status) {
            return std::unexpected(status.error());
        }
        if (!*status) {
            if (auto made = make_durable_directory(files, *part); !made) {
                return made;
            }
        } else if ((*status)->kind != FileKind::Directory) {
            return fail(*part + " is no directory: move it away, posthouse makes a new one", ENOTDIR);
        }
    }
    return {};
}

}  // namespace posthouse::spool
