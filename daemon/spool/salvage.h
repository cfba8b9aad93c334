// Salvage: sets aside what cannot be used, under <spool>/damaged/, and writes it into the report. Nothing is
// thrown away and nothing is passed over in silence.
//
// Safe to repeat after a crash: names say where the octets came from, a half-made copy is made again. A disk
// that is too full to copy to is no reason not to start: the report says so, and the octets stay where they
// are.
#pragma once

#include "daemon/spool/file_system.h"
#include "daemon/spool/layout.h"
#include "daemon/spool/spool.h"

#include <cstdint>
#include <string>

namespace posthouse::spool {

class Salvage {
  public:
    Salvage(FileSystem& files, const Layout& layout, RecoveryReport& report)
        : files_(files), layout_(layout), report_(report) {}

    // Copies [offset, offset + length) of a file of the spool; `name` is its name without the path.
    void copy(const File& file, const std::string& name, std::uint64_t offset, std::uint64_t length,
              std::string reason);
    // Moves a whole file (or whatever it is) out of `directory`.
    void move(const std::string& directory, const std::string& name, std::string reason);
    // Only says it.
    void report(const std::string& name, std::uint64_t offset, std::uint64_t length, std::string reason);

  private:
    [[nodiscard]] Result<void> write_copy(const File& file, const std::string& to, std::uint64_t offset,
                                          std::uint64_t length);

    FileSystem& files_;
    const Layout& layout_;
    RecoveryReport& report_;
};

}  // namespace posthouse::spool
