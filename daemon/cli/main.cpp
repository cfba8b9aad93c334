// The command line: what each command is called, what it takes, and which function does it. Nothing else.
#include "config/environment.h"
#include "daemon/cli/check.h"
#include "daemon/cli/demo.h"
#include "daemon/cli/exit_codes.h"
#include "daemon/cli/passwd.h"
#include "daemon/cli/queue_command.h"
#include "daemon/cli/serve.h"
#include "daemon/cli/sink_command.h"
#include "daemon/cli/spool_command.h"
#include "daemon/version.h"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <iostream>
#include <string>
#include <unistd.h>

namespace {

namespace cli = posthouse::cli;

// Every command of the command line with its options; `status` is what the chosen one returned.
class CommandLine {
  public:
    CommandLine() {
        app_.require_subcommand(1);
        app_.set_version_flag("--version", std::string("posthouse ").append(posthouse::kVersion) + " (" +
                                               std::string(posthouse::kCommit) + ")");
        app_.footer("Try it:  posthouse demo\nHelp on a command:  posthouse COMMAND --help");
        add_serve();
        add_check();
        add_queue();
        add_spool();
        add_sink();
        add_passwd();
        add_demo();
    }

    int run(int argc, char** argv) {
        try {
            app_.parse(argc, argv);
        } catch (const CLI::ParseError& error) {
            return app_.exit(error) == 0 ? cli::kOk : cli::kUsage;
        }
        std::cout.flush();
        return status_;
    }

  private:
    void add_serve() {
        auto* command = app_.add_subcommand("serve", "Run the relay in the foreground until SIGTERM");
        command->add_option("-c,--config", config_, "Configuration file");
        command->footer(
            "With no file, $POSTHOUSE_UPSTREAM names the upstream:\n"
            "  POSTHOUSE_UPSTREAM=smtps://user:pass@smtp.example.org posthouse serve");
        command->callback([this] { status_ = cli::serve(config_, environment_, std::cerr); });
    }

    void add_check() {
        auto* command =
            app_.add_subcommand("check", "Check the configuration; every fault with FILE:LINE:COL");
        command->add_option("-c,--config", check_.config, "Configuration file");
        command->add_flag("--show", check_.show, "Print the configuration in force, secrets masked");
        command->add_flag("--json", check_.json, "Print JSON");
        command->add_flag("--schema", check_.schema, "Print the JSON Schema of the file, for editors");
        command->callback([this] { status_ = cli::check(check_, environment_, std::cout, std::cerr); });
    }

    void add_queue() {
        auto* command = app_.add_subcommand("queue", "Look at the messages that wait, in the running relay");
        command->require_subcommand(1);
        auto* list = command->add_subcommand("list", "Messages in order of age");
        list->add_option("-n,--limit", queue_.limit, "How many at most")->capture_default_str();
        auto* show = command->add_subcommand("show", "One message: envelope, state, timeline");
        show->add_option("ID", queue_.id, "The message id, as in the log")->required();
        for (auto* one : {list, show}) {
            one->add_option("-c,--config", queue_.config, "Configuration file of the running relay");
            one->add_flag("--json", queue_.json, "Print JSON");
        }
        list->callback([this] { status_ = cli::queue_list(queue_, environment_, std::cout, std::cerr); });
        show->callback([this] { status_ = cli::queue_show(queue_, environment_, std::cout, std::cerr); });
    }

    void add_spool() {
        auto* command = app_.add_subcommand("spool", "Look into a spool, offline and read only");
        command->require_subcommand(1);
        auto* verify = command->add_subcommand("verify", "Check every record and every content");
        auto* dump = command->add_subcommand("dump", "Print every record, or the content of one message");
        for (auto* one : {verify, dump}) {
            one->add_option("DIR", spool_.path, "The spool's folder")->required();
            one->add_flag("--json", spool_.json, "Print JSON lines");
        }
        dump->add_option("--id", spool_.id, "Only this message");
        dump->add_flag("--content", spool_.content,
                       "The content of the message, octet for octet (with --id)");
        verify->callback([this] { status_ = cli::spool_verify(spool_, std::cout, std::cerr); });
        dump->callback([this] { status_ = cli::spool_dump(spool_, std::cout, std::cerr); });
    }

    void add_sink() {
        auto* command = app_.add_subcommand("sink", "A capturing upstream for trying and testing");
        command->add_option("--listen", sink_.listen, "ADDRESS:PORT; port 0: any free one")
            ->capture_default_str();
        command->add_option("--tls", sink_.tls, "none, starttls or implicit; with a throw-away CA")
            ->capture_default_str();
        command->add_option("--ca-out", sink_.authority_file,
                            "Write the PEM of the throw-away CA to this file");
        command->add_option("--login", sink_.login, "Demand this login");
        command->add_option("--password", sink_.password,
                            "... with this password (visible to other users of this machine)");
        command->add_option("--save", sink_.save, "Save every message in this folder")
            ->check(CLI::ExistingDirectory);
        command->add_option("--reply", sink_.replies,
                            "Answer a stage with this: \"rcpt=550 5.1.1 No such user\"; may be repeated");
        command->add_option("--limit", sink_.limit, "Refuse more than this, like \"3 messages / second\"");
        command->callback([this] { status_ = cli::sink(sink_, std::cerr); });
    }

    void add_passwd() {
        auto* command = app_.add_subcommand(
            "passwd", "Make a line for clients.users_file; reads the password from standard input");
        command->add_option("LOGIN", passwd_.login, "The login")->required();
        command->callback([this] {
            passwd_.terminal = ::isatty(STDIN_FILENO) == 1;
            status_ = cli::passwd(passwd_, std::cin, std::cout, std::cerr);
        });
    }

    void add_demo() {
        auto* command =
            app_.add_subcommand("demo", "Relay, sink and a few messages in one go; nothing to configure");
        command->add_option("--listen", demo_.listen, "Where the relay listens")->capture_default_str();
        command->add_flag("--once", demo_.once, "End when the messages have arrived");
        command->callback([this] { status_ = cli::demo(demo_, environment_, std::cout, std::cerr); });
    }

    CLI::App app_{
        "posthouse takes mail from local programs, keeps it safe on disk, and relays it to your provider "
        "accounts as fast as they allow."};
    posthouse::config::Environment environment_ = posthouse::config::environment_of_this_machine();
    std::filesystem::path config_;
    cli::CheckOptions check_;
    cli::QueueOptions queue_;
    cli::SpoolOptions spool_;
    cli::SinkCommandOptions sink_;
    cli::PasswdOptions passwd_;
    cli::DemoOptions demo_;
    int status_ = cli::kUsage;
};

}  // namespace

int main(int argc, char** argv) {
    return CommandLine().run(argc, argv);
}
