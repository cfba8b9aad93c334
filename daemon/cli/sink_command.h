// `posthouse sink`: a capturing upstream in the foreground; one line per message on standard output.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace posthouse::cli {

struct SinkCommandOptions {
    std::string listen = "127.0.0.1:2600";
    std::string tls = "starttls";  // none | starttls | implicit
    std::string login;
    std::string password;
    std::string authority_file;        // where to write the PEM of its throw-away authority
    std::string save;                  // folder for the messages
    std::vector<std::string> replies;  // "rcpt=550 5.1.1 No such user"
    std::string limit;                 // "3 messages / second"
};

[[nodiscard]] int sink(const SinkCommandOptions& options, std::ostream& err);

}  // namespace posthouse::cli
