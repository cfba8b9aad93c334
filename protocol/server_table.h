// The transition table of ServerSession: which command is taken in which state, and which state may follow
// which. Private to server_*.cpp. docs/smtp-state-machine.md is printed from it.
#pragma once

#include "protocol/command_parser.h"
#include "protocol/server_machine.h"

#include <optional>
#include <string_view>

namespace posthouse::protocol {

struct CommandRule {
    Verb verb;
    StateSet allowed;
    std::optional<Reply> (ServerSession::Machine::*check)(const ParsedCommand&) const;
    void (ServerSession::Machine::*proceed)(ParsedCommand&);
    StateSet leads_to;  // besides the state it was given in, and Closing
    std::string_view check_words;
};

struct StateRule {
    ServerState state;
    std::string_view name;
    std::string_view waits_for;
    StateSet next;  // besides Closing, which may always follow
};

[[nodiscard]] const StateRule& rule_of(ServerState state);
[[nodiscard]] const CommandRule* rule_of(Verb verb);  // null: no rule, an unknown command

}  // namespace posthouse::protocol
