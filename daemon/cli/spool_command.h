// `posthouse spool verify|dump DIR`: looks into a spool, offline and read only.
//
// Exit status: 0; 65 (EX_DATAERR) if verify found damage; 69 if the folder is no spool or cannot be read.
#pragma once

#include <iosfwd>
#include <string>

namespace posthouse::cli {

struct SpoolOptions {
    std::string path;
    std::string id;  // dump: only this message
    bool json = false;
    bool content = false;  // dump: the message's content, octet for octet, instead of its records
};

[[nodiscard]] int spool_verify(const SpoolOptions& options, std::ostream& out, std::ostream& err);
[[nodiscard]] int spool_dump(const SpoolOptions& options, std::ostream& out, std::ostream& err);

}  // namespace posthouse::cli
