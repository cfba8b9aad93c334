#include "daemon/spool/manifest.h"

#include "daemon/spool/crc32c.h"
#include "daemon/spool/frame.h"

#include <array>
#include <cerrno>
#include <charconv>

namespace posthouse::spool {
namespace {

constexpr std::string_view kTitle = "posthouse spool, format ";
constexpr std::size_t kMostBytes = 4096;

template <class Integer>
std::string hex(Integer value) {
    std::string digits(sizeof(Integer) * 2, '0');
    for (std::size_t i = digits.size(); i-- > 0; value = static_cast<Integer>(value >> 4U)) {
        digits[i] = "0123456789abcdef"[value & 15U];
    }
    return digits;
}

// The value of the line that must stand at the front of `rest`: "<name> <value>\n".
template <class Integer>
bool take_line(std::string_view& rest, std::string_view name, Integer& value, int base) {
    const auto end = rest.find('\n');
    if (!rest.starts_with(name) || end == std::string_view::npos) {
        return false;
    }
    const std::string_view digits = rest.substr(name.size(), end - name.size());
    rest.remove_prefix(end + 1);
    const auto [at, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    return error == std::errc{} && at == digits.data() + digits.size();
}

}  // namespace

std::string encode_manifest(const Manifest& manifest) {
    std::string text(kTitle);
    text += std::to_string(kFormatVersion) + "\n";
    text += "first " + hex(manifest.first) + "\n";
    text += "salt " + hex(manifest.salt) + "\n";
    text += "checksum " + hex(crc32c(text)) + "\n";
    return text;
}

Result<Manifest> decode_manifest(std::string_view text) {
    const auto checksum_line = text.rfind("checksum ");
    std::string_view rest = text;
    std::uint32_t version = 0;
    std::uint32_t checksum = 0;
    Manifest manifest;
    if (!take_line(rest, kTitle, version, 10)) {
        return fail("this is no manifest of a spool");
    }
    if (version != kFormatVersion) {
        return fail("the spool has format version " + std::to_string(version) + ", this program knows " +
                        std::to_string(kFormatVersion) + " only: start the version that wrote it",
                    ENOTSUP);
    }
    if (!take_line(rest, "first ", manifest.first, 16) || !take_line(rest, "salt ", manifest.salt, 16) ||
        !take_line(rest, "checksum ", checksum, 16) || !rest.empty() ||
        checksum != crc32c(text.substr(0, checksum_line))) {
        return fail("the manifest is damaged");
    }
    return manifest;
}

Result<std::optional<Manifest>> read_manifest(FileSystem& files, const Layout& layout) {
    const auto file = files.open(layout.manifest, OpenMode::Read);
    if (!file) {
        if (file.error().os_error() == ENOENT) {
            return std::optional<Manifest>{};
        }
        return std::unexpected(file.error());
    }
    std::array<char, kMostBytes> bytes{};
    const auto got = (*file)->read_at(0, bytes);
    if (!got) {
        return std::unexpected(got.error());
    }
    auto manifest = decode_manifest({bytes.data(), *got});
    if (!manifest) {
        return std::unexpected(manifest.error());
    }
    return std::optional<Manifest>{*manifest};
}

Result<void> write_manifest(FileSystem& files, const Layout& layout, const Manifest& manifest) {
    const std::string beside = layout.manifest + ".new";
    // One may be left of a crash.
    if (auto removed = files.remove(beside); !removed && removed.error().os_error() != ENOENT) {
        return removed;
    }
    const std::string text = encode_manifest(manifest);
    const std::string_view parts[] = {text};
    const auto file = files.open(beside, OpenMode::Create);
    if (!file) {
        return std::unexpected(file.error());
    }
    if (auto written = (*file)->write_at(0, parts); !written) {
        return written;
    }
    if (auto synced = (*file)->sync(); !synced) {
        return synced;
    }
    if (auto renamed = files.rename(beside, layout.manifest); !renamed) {
        return renamed;
    }
    return files.sync_directory(layout.root);
}

}  // namespace posthouse::spool
