#include "daemon/spool/frame.h"

#include "daemon/spool/bytes.h"
#include "daemon/spool/crc32c.h"

#include <algorithm>
#include <cerrno>

namespace posthouse::spool {

std::string encode_segment_header(const SegmentHeader& header) {
    std::string bytes(kSegmentMagic);
    ByteWriter out(bytes);
    out.fixed(kFormatVersion);
    out.fixed(header.sequence);
    out.fixed(header.salt);
    out.fixed(to_unix_ms(header.created));
    out.fixed(header.previous);
    out.fixed(header.previous_end);
    out.fixed(header.last_id.value);
    bytes.resize(kSegmentHeaderSize - sizeof(std::uint32_t));
    out.fixed(crc32c(bytes));
    return bytes;
}

Result<SegmentHeader> decode_segment_header(std::string_view bytes) {
    constexpr std::size_t kChecked = kSegmentHeaderSize - sizeof(std::uint32_t);
    if (bytes.size() < kSegmentHeaderSize || !bytes.starts_with(kSegmentMagic)) {
        return fail("this is no segment of a spool");
    }
    if (crc32c(bytes.substr(0, kChecked)) != get_fixed<std::uint32_t>(bytes.data() + kChecked)) {
        return fail("the segment's header is damaged");
    }
    ByteReader in(bytes.substr(kSegmentMagic.size()));
    if (const auto version = in.fixed<std::uint32_t>(); version != kFormatVersion) {
        return fail("the segment has format version " + std::to_string(version) + ", this program knows " +
                        std::to_string(kFormatVersion) + " only: start the version that wrote it",
                    ENOTSUP);
    }
    SegmentHeader header;
    header.sequence = in.fixed<std::uint32_t>();
    header.salt = in.fixed<std::uint64_t>();
    header.created = from_unix_ms(in.fixed<std::int64_t>());
    header.previous = in.fixed<std::uint32_t>();
    header.previous_end = in.fixed<std::uint32_t>();
    header.last_id.value = in.fixed<std::uint64_t>();
    return header;
}

FrameSeed::FrameSeed(std::uint64_t salt, std::uint32_t sequence) {
    std::array<char, 12> bytes{};
    put_fixed(bytes.data(), salt);
    put_fixed(bytes.data() + 8, sequence);
    seed_ = crc32c({bytes.data(), bytes.size()});
}

std::uint32_t FrameSeed::at(std::uint32_t offset) const {
    std::array<char, 4> bytes{};
    put_fixed(bytes.data(), offset);
    return crc32c({bytes.data(), bytes.size()}, seed_);
}

void encode_frame_header(char* to, RecordType type, std::string_view meta, std::string_view content,
                         std::uint32_t synced, std::uint32_t seed_at_offset) {
    std::ranges::copy(kFrameMagic, to);
    to[4] = static_cast<char>(type);
    to[5] = 0;
    put_fixed(to + 6, std::uint16_t{0});
    put_fixed(to + 8, static_cast<std::uint32_t>(meta.size()));
    put_fixed(to + 12, static_cast<std::uint32_t>(content.size()));
    put_fixed(to + 16, crc32c(meta, seed_at_offset));
    put_fixed(to + 20, crc32c(content, seed_at_offset));
    put_fixed(to + 24, synced);
    put_fixed(to + 28, crc32c({to, 28}, seed_at_offset));
}

std::optional<FrameHeader> decode_frame_header(std::string_view bytes, std::uint32_t seed_at_offset) {
    if (bytes.size() < kFrameHeaderSize || !bytes.starts_with(kFrameMagic) ||
        crc32c(bytes.substr(0, 28), seed_at_offset) != get_fixed<std::uint32_t>(bytes.data() + 28)) {
        return std::nullopt;
    }
    FrameHeader header;
    header.type = static_cast<std::uint8_t>(bytes[4]);
    header.flags = static_cast<std::uint8_t>(bytes[5]);
    header.meta_size = get_fixed<std::uint32_t>(bytes.data() + 8);
    header.content_size = get_fixed<std::uint32_t>(bytes.data() + 12);
    header.meta_checksum = get_fixed<std::uint32_t>(bytes.data() + 16);
    header.content_checksum = get_fixed<std::uint32_t>(bytes.data() + 20);
    header.synced = get_fixed<std::uint32_t>(bytes.data() + 24);
    return header;
}

bool known_type(std::uint8_t type) {
    return type >= static_cast<std::uint8_t>(RecordType::Accepted) &&
           type <= static_cast<std::uint8_t>(RecordType::Stopped);
}

}  // namespace posthouse::spool
