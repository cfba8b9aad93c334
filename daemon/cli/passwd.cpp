#include "daemon/cli/passwd.h"

#include "config/users_file.h"

#include <cstring>
#include <istream>
#include <optional>
#include <ostream>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

namespace posthouse::cli {

namespace {

// The terminal shows nothing of what is typed while this lives.
class EchoOff {
  public:
    EchoOff() {
        if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
        termios silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        changed_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
    }
    ~EchoOff() {
        if (changed_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    }
    EchoOff(const EchoOff&) = delete;
    EchoOff& operator=(const EchoOff&) = delete;

  private:
    termios before_{};
    bool changed_ = false;
};

std::optional<std::string> read_line(std::istream& in) {
    std::string line;
    if (!std::getline(in, line)) return std::nullopt;
    if (line.ends_with('\r')) line.pop_back();
    return line;
}

std::optional<std::string> ask(const std::string& prompt, std::istream& in, std::ostream& err) {
    const EchoOff silence;
    err << prompt << std::flush;
    auto line = read_line(in);
    err << '\n';
    return line;
}

}  // namespace

int passwd(const PasswdOptions& options, std::istream& in, std::ostream& out, std::ostream& err) {
    if (const std::string wrong = config::complaint_about_login(options.login); !wrong.empty()) {
        err << "posthouse passwd: " << wrong << '\n';
        return EX_USAGE;
    }
    auto password = options.terminal ? ask("Password for " + options.login + ": ", in, err) : read_line(in);
    if (!password) {
        err << "posthouse passwd: no password on standard input; write one line\n";
        return EX_DATAERR;
    }
    if (options.terminal && ask("Once more: ", in, err) != password) {
        err << "posthouse passwd: the two passwords differ; nothing was made\n";
        return EX_DATAERR;
    }
    const auto line = config::make_users_line(options.login, *password);
    explicit_bzero(password->data(), password->size());
    if (!line) {
        err << "posthouse passwd: " << line.error().message() << '\n';
        return EX_DATAERR;
    }
    out << *line << '\n';
    return out.flush() ? EX_OK : EX_IOERR;
}

}  // namespace posthouse::cli
