#include "daemon/spool/salvage.h"

#include <algorithm>
#include <vector>

namespace posthouse::spool {

void Salvage::report(const std::string& name, std::uint64_t offset, std::uint64_t length,
                     std::string reason) {
    Damage damage;
    damage.file = name;
    damage.offset = offset;
    damage.length = length;
    damage.reason = std::move(reason);
    report_.damage.push_back(std::move(damage));
}

Result<void> Salvage::write_copy(const File& file, const std::string& to, std::uint64_t offset,
                                 std::uint64_t length) {
    constexpr std::uint64_t kChunk = 4096;  // one bad sector costs no more than its block
    const auto existing = files_.status(to);
    if (!existing) {
        return std::unexpected(existing.error());
    }
    if (*existing) {
        if ((*existing)->size == length) {
            return {};  // copied at an earlier start
        }
        if (auto removed = files_.remove(to); !removed) {
            return removed;
        }
    }
    auto copy = files_.open(to, OpenMode::Create);
    if (!copy) {
        return std::unexpected(copy.error());
    }
    std::vector<char> chunk(static_cast<std::size_t>(std::min(length, kChunk)));
    for (std::uint64_t at = 0; at < length; at += chunk.size()) {
        const std::span<char> part(chunk.data(), static_cast<std::size_t>(std::min(length - at, kChunk)));
        // What the disk does not give is zeros in the copy: the rest is worth having.
        const auto got = file.read_at(offset + at, part);
        std::ranges::fill(part.subspan(got.value_or(0)), '\0');
        const std::string_view bytes[] = {{part.data(), part.size()}};
        if (auto written = (*copy)->write_at(at, bytes); !written) {
            return written;
        }
    }
    if (auto synced = (*copy)->sync(); !synced) {
        return synced;
    }
    return files_.sync_directory(layout_.damaged);
}

void Salvage::copy(const File& file, const std::string& name, std::uint64_t offset, std::uint64_t length,
                   std::string reason) {
    const std::string to = layout_.damaged + "/" + name + "-at-" + std::to_string(offset);
    if (auto copied = write_copy(file, to, offset, length); !copied) {
        reason += "; could not be set aside: " + copied.error().message();
    }
    report(name, offset, length, std::move(reason));
}

void Salvage::move(const std::string& directory, const std::string& name, std::string reason) {
    const std::string from = directory + "/" + name;
    std::string to = layout_.damaged + "/" + name;
    std::uint64_t length = 0;
    if (const auto status = files_.status(from); status && *status) {
        length = (*status)->size;
    }
    for (int again = 1; again < 1000; ++again) {
        const auto taken = files_.status(to);
        if (taken && !*taken) {
            break;
        }
        to = layout_.damaged + "/" + name + "." + std::to_string(again);
    }
    auto moved = files_.rename(from, to);
    if (moved) {
        moved = files_.sync_directory(layout_.damaged);
    }
    if (moved) {
        moved = files_.sync_directory(directory);
    }
    if (!moved) {
        reason += "; could not be set aside: " + moved.error().message();
    }
    report(name, 0, length, std::move(reason));
}

}  // namespace posthouse::spool
