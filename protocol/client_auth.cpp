// The AUTH exchange of ClientDialogue.
//
// Order of choice where the configuration names none. Inside TLS: SCRAM-SHA-256 (the server must prove
// itself), then PLAIN, LOGIN (TLS protects them), then CRAM-MD5 (protects nothing that TLS does not, and
// demands that servers keep passwords in a reversible form, so the others fail less). In clear, where the
// configuration allows it: SCRAM-SHA-256 and CRAM-MD5 before the two that show the password. Tokens:
// OAUTHBEARER (a standard), then XOAUTH2. After a refusal no weaker mechanism is tried: that would be a
// downgrade anybody can force.
//
// RFC 4954.
#include "protocol/base64.h"
#include "protocol/client_machine.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace posthouse::protocol {
namespace {

constexpr std::array kInsideTls{AuthMechanism::ScramSha256, AuthMechanism::Plain, AuthMechanism::Login,
                                AuthMechanism::CramMd5};
constexpr std::array kInClear{AuthMechanism::ScramSha256, AuthMechanism::CramMd5, AuthMechanism::Plain,
                              AuthMechanism::Login};
constexpr std::array kForTokens{AuthMechanism::OAuthBearer, AuthMechanism::XOAuth2};

// RFC 4954 4: an AUTH command longer than a command line may be must go without its initial response.
constexpr std::size_t kMaxCommandLine = 512;

bool is_for_tokens(AuthMechanism mechanism) {
    return std::ranges::find(kForTokens, mechanism) != kForTokens.end();
}

std::string names_of(std::span<const AuthMechanism> mechanisms) {
    std::string names;
    for (const AuthMechanism mechanism : mechanisms) {
        if (!names.empty()) names += ' ';
        names += to_string(mechanism);
    }
    return names.empty() ? "none" : names;
}

}  // namespace

std::optional<AuthMechanism> ClientDialogue::Machine::choose_mechanism() const {
    const bool token = options.credentials->is_token;
    std::span<const AuthMechanism> wanted = options.mechanisms;
    if (wanted.empty()) {
        if (token) {
            wanted = kForTokens;
        } else if (encrypted) {
            wanted = kInsideTls;
        } else {
            wanted = kInClear;
        }
    }
    for (const AuthMechanism candidate : wanted) {
        if (is_for_tokens(candidate) != token) continue;
        if (candidate == AuthMechanism::ScramSha256 && options.scram_nonce.empty()) continue;
        if (std::ranges::find(capabilities.auth, candidate) != capabilities.auth.end()) return candidate;
    }
    return std::nullopt;
}

void ClientDialogue::Machine::start_auth() {
    enter(Phase::Auth);
    if (!encrypted && !options.allow_auth_in_clear) {
        return fail_politely(
            Reply(), "the login would be sent in clear text; use tls: starttls or tls: implicit", true);
    }
    const auto chosen = choose_mechanism();
    if (!chosen) {
        return fail_politely(
            Reply(),
            "the server offers no login method that we may use (it offers: " + names_of(capabilities.auth) +
                "); check auth, login and password of this upstream",
            true);
    }
    mechanism = *chosen;
    sasl.emplace(mechanism, *options.credentials, options.scram_nonce);
    auto initial = sasl->initial_response();
    if (!initial) return fail_politely(Reply(), initial.error().message(), true);

    std::string command = "AUTH " + std::string(to_string(mechanism));
    if (*initial) {
        std::string encoded = (*initial)->empty() ? std::string("=") : base64_encode(**initial);
        if (command.size() + 1 + encoded.size() + 2 <= kMaxCommandLine) {
            command += ' ';
            command += encoded;
        } else {
            withheld_response = std::move(**initial);
        }
        wipe(encoded);
        wipe(**initial);
    }
    send_line(command);
    out_is_secret = true;
    wipe(command);
}

void ClientDialogue::Machine::send_sasl(std::string message) {
    std::string encoded = base64_encode(message);
    send_line(encoded);
    out_is_secret = true;
    wipe(encoded);
    wipe(message);
}

void ClientDialogue::Machine::handle_auth(const Reply& reply) {
    if (reply.code == 334) {
        if (withheld_response) {
            std::string message = std::move(*withheld_response);
            wipe(*withheld_response);
            withheld_response.reset();
            return send_sasl(std::move(message));
        }
        auto challenge = base64_decode(reply.text);
        // LOGIN's prompts mean nothing, and what a token was refused for is only for the log.
        const bool must_decode =
            mechanism == AuthMechanism::CramMd5 || mechanism == AuthMechanism::ScramSha256;
        if (!challenge && must_decode) return fail(reply, "the server's challenge is no base64");
        auto answer = sasl->respond(challenge ? *challenge : reply.text);
        if (!answer) return fail(reply, answer.error().message());
        return send_sasl(std::move(*answer));
    }
    if (reply.code == 235) {
        if (const auto proved = sasl->succeeded(); !proved)
            return fail_politely(reply, proved.error().message(), true);
        authenticated_with = mechanism;
        sasl.reset();
        wipe(options.credentials->secret);
        return enter(Phase::Ready);
    }
    if (!reply.transient() && !reply.permanent()) {
        return fail(reply, "the server answered AUTH with a code that it may not use there");
    }
    std::string reason = "the server refuses the login " + options.credentials->login + " with " +
                         std::string(to_string(mechanism)) + "; check login and password of this upstream";
    if (!sasl->server_error().empty()) reason += " (" + sasl->server_error() + ")";
    fail_politely(reply, std::move(reason), true);
}

}  // namespace posthouse::protocol
