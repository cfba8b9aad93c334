#include "daemon/cli/sink_command.h"

#include "config/endpoint.h"
#include "config/units.h"
#include "daemon/cli/exit_codes.h"
#include "daemon/runtime/clock.h"
#include "daemon/runtime/log.h"
#include "daemon/runtime/stop_signals.h"
#include "daemon/sink/sink.h"
#include "protocol/reply_parser.h"

#include <fmt/format.h>

#include <expected>
#include <fstream>
#include <ostream>

namespace posthouse::cli {
namespace {

using protocol::Stage;

std::expected<void, std::string> add_reply(std::string_view text, sink::Options& options) {
    const auto equals = text.find('=');
    const auto stage = protocol::parse_stage(text.substr(0, equals));
    const bool answerable = stage && (*stage == Stage::Mail || *stage == Stage::Rcpt ||
                                      *stage == Stage::Data || *stage == Stage::Content);
    if (equals == std::string_view::npos || !answerable) {
        return std::unexpected(
            fmt::format("--reply {}: write STAGE=REPLY with a stage of mail, rcpt, data or "
                        "content, like --reply \"rcpt=550 5.1.1 No such user\"",
                        text));
    }
    protocol::ReplyParser parser;
    parser.feed(text.substr(equals + 1));
    parser.feed("\r\n");
    auto reply = parser.next();
    if (!reply || !*reply || (**reply).code < 400) {
        return std::unexpected(
            fmt::format("--reply {}: the reply must begin with a code from 400 to 599", text));
    }
    options.replies[*stage] = std::move(**reply);
    return {};
}

std::expected<sink::Options, std::string> parse(const SinkCommandOptions& given) {
    sink::Options options;
    const auto endpoint = config::parse_endpoint(given.listen);
    if (!endpoint)
        return std::unexpected(
            fmt::format("--listen {}: {}", given.listen, config::to_string(endpoint.error())));
    const auto* tcp = std::get_if<config::TcpEndpoint>(&*endpoint);
    if (tcp == nullptr)
        return std::unexpected(std::string("--listen: the sink listens on TCP, like 127.0.0.1:2600"));
    options.listen = *tcp;
    if (given.tls == "none") {
        options.tls = config::TlsMode::None;
    } else if (given.tls == "implicit") {
        options.tls = config::TlsMode::Implicit;
    } else if (given.tls != "starttls") {
        return std::unexpected(fmt::format("--tls {}: write none, starttls or implicit", given.tls));
    }
    options.login = given.login;
    options.password = given.password;
    options.save = given.save;
    if (!given.limit.empty()) {
        const auto limit = config::parse_limit(given.limit);
        if (!limit)
            return std::unexpected(
                fmt::format("--limit {}: {}", given.limit, config::to_string(limit.error())));
        if (limit->unit != config::LimitUnit::Messages) {
            return std::unexpected(
                std::string("--limit: the sink counts messages, like \"3 messages / second\""));
        }
        options.limit = *limit;
    }
    for (const auto& text : given.replies) {
        if (auto added = add_reply(text, options); !added) return std::unexpected(added.error());
    }
    return options;
}

}  // namespace

int sink(const SinkCommandOptions& given, std::ostream& err) {
    auto options = parse(given);
    if (!options) {
        err << "posthouse sink: " << options.error() << '\n';
        return kUsage;
    }
    const runtime::SystemClock clock;
    runtime::Log log(clock, config::Log{});
    runtime::Loop loop;
    sink::Sink server(loop, std::move(*options), [&log](const sink::Captured& message) {
        log.write(config::LogLevel::Info, "received",
                  {{"number", message.number},
                   {"from", message.envelope.sender.empty() ? std::string("<>") : message.envelope.sender},
                   {"to", message.envelope.recipients.front().address},
                   {"recipients", message.envelope.recipients.size()},
                   {"size", message.size},
                   {"login", message.login},
                   {"tls", message.tls_version},
                   {"message_id", message.message_id}});
    });
    if (auto opened = server.open(); !opened) {
        err << "posthouse sink: " << opened.error().message() << '\n';
        return kUnavailable;
    }
    if (!given.authority_file.empty()) {
        std::ofstream file(given.authority_file);
        file << server.authority();
        if (!file.flush()) {
            err << "posthouse sink: cannot write " << given.authority_file << '\n';
            return kUnavailable;
        }
    }
    log.write(config::LogLevel::Info, "ready", {{"on", given.listen}, {"port", std::size_t{server.port()}}});
    const runtime::StopSignals signals(loop, [&] {
        server.stop();
        loop.stop();
    });
    loop.run();
    return kOk;
}

}  // namespace posthouse::cli
