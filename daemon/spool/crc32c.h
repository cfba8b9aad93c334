// CRC-32C (Castagnoli), the checksum of every frame and content: by the SSE4.2 instruction where the
// processor has it, by tables otherwise.
//
// Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace posthouse::spool {

// The checksum of `bytes` behind octets whose checksum is `before`: crc32c(b, crc32c(a)) == crc32c(a + b).
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

// The table form, always; tests hold the two against each other.
[[nodiscard]] std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t before = 0);

}  // namespace posthouse::spool
