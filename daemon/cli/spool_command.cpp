#include "daemon/cli/spool_command.h"

#include "daemon/cli/exit_codes.h"
#include "daemon/spool/file_system.h"
#include "daemon/spool/spool_inspect.h"

#include <ostream>

namespace posthouse::cli {
namespace {

spool::InspectFormat format_of(const SpoolOptions& options) {
    return options.json ? spool::InspectFormat::JsonLines : spool::InspectFormat::Text;
}

int tell(const Error& error, std::ostream& err) {
    err << "posthouse spool: " << error.message() << '\n';
    return kUnavailable;
}

}  // namespace

int spool_verify(const SpoolOptions& options, std::ostream& out, std::ostream& err) {
    spool::PosixFileSystem files;
    const auto summary = spool::verify_spool(files, options.path, format_of(options), out);
    if (!summary) return tell(summary.error(), err);
    return summary->problems == 0 ? kOk : kDataError;
}

int spool_dump(const SpoolOptions& options, std::ostream& out, std::ostream& err) {
    spool::PosixFileSystem files;
    spool::DumpOptions dump;
    dump.format = format_of(options);
    if (!options.id.empty()) {
        dump.only = spool::parse_message_id(options.id);
        if (!dump.only) {
            err << "posthouse spool: " << options.id << " is no message id; ids have 13 letters and digits\n";
            return kUsage;
        }
    }
    if (options.content) {
        if (!dump.only) {
            err << "posthouse spool: --content needs --id: the content of which message?\n";
            return kUsage;
        }
        const auto exported = spool::export_message(files, options.path, *dump.only, out);
        return exported ? kOk : tell(exported.error(), err);
    }
    const auto summary = spool::dump_spool(files, options.path, dump, out);
    return summary ? kOk : tell(summary.error(), err);
}

}  // namespace posthouse::cli
