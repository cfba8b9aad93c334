// `posthouse passwd LOGIN`: makes a line for clients.users_file. The password is one line of standard input;
// on a terminal it is asked for twice, without echo. Only the line with its hash is printed.
//
// Exit status: 0, 64 (EX_USAGE) for a login that cannot be, 65 (EX_DATAERR) for a password that cannot be.
#pragma once

#include <iosfwd>
#include <string>

namespace posthouse::cli {

struct PasswdOptions {
    std::string login;
    bool terminal = false;  // `in` is the terminal at file descriptor 0
};

[[nodiscard]] int passwd(const PasswdOptions& options, std::istream& in, std::ostream& out,
                         std::ostream& err);

}  // namespace posthouse::cli
