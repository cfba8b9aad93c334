#include "daemon/spool/segment_catalog.h"

#include "daemon/spool/segment_scanner.h"

#include <algorithm>
#include <array>
#include <cerrno>

namespace posthouse::spool {
namespace {

// Failures that say something about this one file, not about us or the machine.
bool of_the_file(int error) {
    return error == EACCES || error == EPERM || error == EIO || error == ELOOP || error == ENOENT ||
           error == ENXIO || error == EUCLEAN;
}

Result<void> read_header(FoundSegment& segment) {
    std::array<char, kSegmentHeaderSize> bytes{};
    const auto got = segment.file->read_at(0, bytes);
    if (!got) {
        segment.reason = got.error().message();
        return {};
    }
    auto header = decode_segment_header({bytes.data(), *got});
    if (header) {
        segment.header = *header;
        return {};
    }
    if (header.error().os_error() == ENOTSUP) {
        return std::unexpected(header.error());
    }
    segment.reason = header.error().message();
    return {};
}

// For a segment without header: has it any record that can be read, or a gap before one?
bool has_records(const FoundSegment& segment, std::uint64_t salt) {
    SegmentScanner scanner(*segment.file, FrameSeed(salt, segment.sequence), segment.size);
    return scanner.next().kind != ScanStep::Kind::End;
}

Result<void> open_segments(FileSystem& files, const Layout& layout, SegmentCatalog& catalog) {
    const auto entries = files.list(layout.segments);
    if (!entries) {
        return std::unexpected(entries.error());
    }
    const std::uint32_t first = catalog.manifest ? catalog.manifest->first : 0;
    for (const auto& entry : *entries) {
        if (is_unborn_segment(entry.name) && entry.kind == FileKind::Regular) {
            const auto number =
                parse_segment_name(std::string_view(entry.name).substr(0, segment_name(1).size()));
            catalog.greatest = std::max(catalog.greatest, number.value_or(0));
            catalog.unborn.push_back(entry.name);
            continue;
        }
        const auto sequence = parse_segment_name(entry.name);
        if (!sequence || entry.kind != FileKind::Regular) {
            catalog.misplaced.push_back({entry.name, "this is no segment file"});
            continue;
        }
        catalog.greatest = std::max(catalog.greatest, *sequence);
        if (*sequence < first) {
            catalog.outdated.push_back(*sequence);
            continue;
        }
        FoundSegment segment;
        segment.sequence = *sequence;
        auto file = files.open(layout.segment(*sequence), OpenMode::Read);
        if (!file) {
            if (!of_the_file(file.error().os_error())) {
                return std::unexpected(file.error());
            }
            catalog.misplaced.push_back({entry.name, file.error().message()});
            continue;
        }
        segment.file = std::move(*file);
        const auto size = segment.file->size();
        if (!size) {
            return std::unexpected(size.error());
        }
        segment.size = std::min<std::uint64_t>(*size, 1U << 31U);
        if (auto read = read_header(segment); !read) {
            return fail(entry.name + ": " + read.error().message());
        }
        catalog.segments.push_back(std::move(segment));
    }
    std::ranges::sort(catalog.segments, {}, &FoundSegment::sequence);
    std::ranges::sort(catalog.outdated);
    return {};
}

void choose_salt(SegmentCatalog& catalog, std::uint64_t fresh_salt) {
    catalog.salt = fresh_salt;
    if (catalog.manifest) {
        catalog.salt = catalog.manifest->salt;
        return;
    }
    for (const auto& segment : catalog.segments) {
        if (segment.header && segment.header->sequence == segment.sequence) {
            catalog.salt = segment.header->salt;
            return;
        }
    }
}

void part_strangers(SegmentCatalog& catalog) {
    std::erase_if(catalog.segments, [&](const FoundSegment& segment) {
        std::string reason;
        if (!segment.header) {
            if (has_records(segment, catalog.salt)) {
                return false;
            }
            reason = segment.reason + ", and no record in it can be read";
        } else if (segment.header->salt != catalog.salt) {
            reason = "this segment belongs to another spool";
        } else if (segment.header->sequence != segment.sequence) {
            reason = "this segment is named like another one: its header says " +
                     segment_name(segment.header->sequence);
        } else {
            return false;
        }
        catalog.misplaced.push_back({segment_name(segment.sequence), reason});
        return true;
    });
}

void link_segments(FileSystem& files, const Layout& layout, SegmentCatalog& catalog) {
    const std::uint32_t first = catalog.manifest ? catalog.manifest->first : 0;
    for (const auto& segment : catalog.segments) {
        if (!segment.header || segment.header->previous == 0) {
            continue;
        }
        const std::uint32_t previous = segment.header->previous;
        catalog.greatest = std::max(catalog.greatest, previous);
        const auto found = std::ranges::find(catalog.segments, previous, &FoundSegment::sequence);
        if (found != catalog.segments.end()) {
            if (segment.header->previous_end != 0) {
                found->end = segment.header->previous_end;
            }
            continue;
        }
        const bool known = std::ranges::any_of(catalog.misplaced, [&](const Misplaced& misplaced) {
            return misplaced.name == segment_name(previous);
        });
        const auto aside = files.status(layout.damaged + "/" + segment_name(previous));
        if (previous >= first && !known && !(aside && *aside)) {
            catalog.missing.push_back(previous);
        }
    }
}

}  // namespace

Result<SegmentCatalog> read_catalog(FileSystem& files, const Layout& layout, std::uint64_t fresh_salt) {
    SegmentCatalog catalog;
    auto manifest = read_manifest(files, layout);
    if (manifest) {
        catalog.manifest = *manifest;
    } else if (manifest.error().os_error() == 0 || manifest.error().os_error() == EIO) {
        catalog.manifest_fault = manifest.error().message();
    } else {
        return std::unexpected(manifest.error());
    }
    if (auto opened = open_segments(files, layout, catalog); !opened) {
        return std::unexpected(opened.error());
    }
    if (!catalog.manifest && catalog.manifest_fault.empty() && !catalog.segments.empty()) {
        catalog.manifest_fault = "the manifest is missing";
    }
    if (catalog.manifest) {
        catalog.greatest = std::max(catalog.greatest, catalog.manifest->first - 1);
    }
    if (const auto aside = files.list(layout.damaged)) {
        for (const auto& entry : *aside) {
            const auto sequence =
                parse_segment_name(std::string_view(entry.name).substr(0, segment_name(1).size()));
            catalog.greatest = std::max(catalog.greatest, sequence.value_or(0));
        }
    }
    choose_salt(catalog, fresh_salt);
    part_strangers(catalog);
    link_segments(files, layout, catalog);
    return catalog;
}

}  // namespace posthouse::spool
