// What the pure code costs per message: bytes through the decoder, the header scan and the whole submission
// machine.
#include "protocol/data_decoder.h"
#include "protocol/data_encoder.h"
#include "protocol/header_scan.h"
#include "protocol/server_session.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace {

using namespace posthouse::protocol;

std::string message_of(std::size_t size) {
    std::string message =
        "From: <sender@bench.example>\r\nTo: <recipient@bench.example>\r\nSubject: bench\r\n\r\n";
    while (message.size() < size) {
        message += std::string(70, 'x') + "\r\n";
    }
    return message;
}

void decode_data(benchmark::State& state) {
    const std::string wire = message_of(static_cast<std::size_t>(state.range(0))) + ".\r\n";
    for (auto _ : state) {
        DataDecoder decoder(BareNewlines::Reject);
        std::string_view input = wire;
        while (!input.empty() && !decoder.done()) {
            const auto step = decoder.step(input);
            input.remove_prefix(step.consumed);
            benchmark::DoNotOptimize(step.content.data());
        }
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(wire.size()));
}
BENCHMARK(decode_data)->Arg(1024)->Arg(102400);

void encode_data(benchmark::State& state) {
    const std::string message = message_of(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) {
        DataEncoder encoder;
        encoder.for_each_span(message, [](std::string_view span) { benchmark::DoNotOptimize(span.data()); });
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(message.size()));
}
BENCHMARK(encode_data)->Arg(1024)->Arg(102400);

void scan_header(benchmark::State& state) {
    const std::string message = message_of(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) {
        HeaderScan scan;
        scan.feed(message);
        scan.finish();
        benchmark::DoNotOptimize(scan.header_size());
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(message.size()));
}
BENCHMARK(scan_header)->Arg(1024)->Arg(102400);

// Answers every question with yes, until the session wants input or is over.
bool run(ServerSession& session) {
    while (true) {
        const ServerSession::Action action = session.next_action();
        if (std::holds_alternative<ServerSession::NeedInput>(action)) {
            return true;
        }
        if (std::holds_alternative<ServerSession::Close>(action)) {
            return false;
        }
        if (std::holds_alternative<ServerSession::CheckSender>(action)) {
            session.sender_verdict({});
        } else if (std::holds_alternative<ServerSession::CheckRecipient>(action)) {
            session.recipient_verdict({});
        } else if (std::holds_alternative<ServerSession::OpenMessage>(action)) {
            session.message_opened({});
        } else if (std::holds_alternative<ServerSession::CommitMessage>(action)) {
            session.message_stored("bench");
        }
    }
}

// A connection with one message, the client waiting for each answer as smtp-source does.
void submit_one_message(benchmark::State& state) {
    auto options = std::make_shared<ServerOptions>();
    options->hostname = "relay.bench.example";
    const std::string wire = message_of(static_cast<std::size_t>(state.range(0))) + ".\r\n";
    for (auto _ : state) {
        ServerSession session(options);
        session.start(true, {});
        run(session);
        for (const std::string_view command :
             {"EHLO client.bench.example\r\n", "MAIL FROM:<sender@bench.example>\r\n",
              "RCPT TO:<recipient@bench.example>\r\n", "DATA\r\n"}) {
            session.receive(command);
            run(session);
        }
        constexpr std::size_t kRead = 16384;
        for (std::string_view rest = wire; !rest.empty(); rest.remove_prefix(std::min(kRead, rest.size()))) {
            session.receive(rest.substr(0, kRead));
            run(session);
        }
        session.receive("QUIT\r\n");
        if (run(session)) {
            state.SkipWithError("the session did not end with QUIT");
        }
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(wire.size()));
}
BENCHMARK(submit_one_message)->Arg(1024)->Arg(102400);

}  // namespace
