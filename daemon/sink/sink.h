// Sink: a capturing upstream for trying and testing. Takes every message, keeps none in memory; can demand
// TLS and a login, answer by script, and enforce a limit as a provider would.
//
// Runs on one loop. `on_message` is called there for every message it took.
#pragma once

#include "config/schema.h"
#include "daemon/net/stream.h"
#include "daemon/net/tls_context.h"
#include "daemon/runtime/deadlines.h"
#include "daemon/runtime/loop.h"
#include "protocol/client_dialogue.h"
#include "protocol/result.h"
#include "protocol/server_session.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace posthouse::sink {

struct Options {
    config::TcpEndpoint listen{"127.0.0.1", 2600};
    config::TlsMode tls = config::TlsMode::StartTls;
    std::string login;  // with a password: AUTH is demanded
    std::string password;
    std::filesystem::path save;  // folder for ID.eml; empty: contents are only counted
    std::map<protocol::Stage, protocol::Reply> replies;  // Mail, Rcpt, Data, Content: answer this instead
    std::optional<config::Limit> limit;                  // over it: 450 4.7.1 at MAIL
};

struct Captured {
    std::uint64_t number = 0;  // 1 is the first
    const protocol::Envelope& envelope;
    std::uint64_t size = 0;
    std::string login;
    std::string tls_version;
    std::string message_id;  // of the header, with <>
};

class Sink {
  public:
    Sink(runtime::Loop& loop, Options options, std::function<void(const Captured&)> on_message);
    ~Sink();
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;

    // Binds and starts; makes the certificates.
    [[nodiscard]] Result<void> open();
    void stop();
    [[nodiscard]] std::uint16_t port() const;
    // PEM of the authority that signed its certificate; empty with tls: none.
    [[nodiscard]] const std::string& authority() const;

    struct Impl;  // public for the clients in sink.cpp

  private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace posthouse::sink
