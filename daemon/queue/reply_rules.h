// Reply rules: what an answer of an upstream, given at a stage of a transaction, is to cause.
//
// These are the defaults, which hold for any server; rules of presets and of the configuration come before
// them. Answers before MAIL (greeting, EHLO, TLS, AUTH) never get here: they are trouble of the upstream, not
// of a message (Queue::connection_failed).
#pragma once

#include "protocol/client_dialogue.h"
#include "protocol/reply.h"

#include <cstdint>

namespace posthouse::queue {

enum class Action : std::uint8_t {
    Retry,          // by the schedule
    RetrySoon,      // on another connection: the server closes this one (RFC 5321 3.8)
    PauseUpstream,  // the account is in trouble, not the message: keep the mail, try the next upstream
    Fail,           // give the recipient up
};

// `reply` is a refusal. What is not understood is temporary.
[[nodiscard]] Action decide(protocol::Stage stage, const protocol::Reply& reply);

}  // namespace posthouse::queue
