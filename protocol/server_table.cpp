#include "protocol/server_table.h"

#include <algorithm>
#include <array>
#include <string>

namespace posthouse::protocol {
namespace {

using State = ServerState;
using Machine = ServerSession::Machine;

// Where a command may be given: between two commands, and nowhere else.
constexpr StateSet kAnywhere{State::Connected, State::Identified, State::MailGiven, State::RcptGiven,
                             State::BetweenChunks};

constexpr std::array kCommandRules{
    CommandRule{
        Verb::Helo, kAnywhere, &Machine::check_nothing, &Machine::proceed_helo, {State::Identified}, ""},
    CommandRule{
        Verb::Ehlo, kAnywhere, &Machine::check_nothing, &Machine::proceed_ehlo, {State::Identified}, ""},
    CommandRule{Verb::StartTls,
                {State::Connected, State::Identified},
                &Machine::check_starttls,
                &Machine::proceed_starttls,
                {State::TlsHandshake},
                "TLS is offered and not yet in use"},
    CommandRule{Verb::Auth,
                {State::Identified},
                &Machine::check_auth,
                &Machine::proceed_auth,
                {State::AuthLine, State::AuthCheck},
                "EHLO was used, AUTH is offered, not logged in, mechanism known"},
    CommandRule{Verb::Mail,
                {State::Identified},
                &Machine::check_mail,
                &Machine::proceed_mail,
                {State::SenderCheck},
                "logged in or from a trusted network, SIZE within the limit"},
    CommandRule{Verb::Rcpt,
                {State::MailGiven, State::RcptGiven},
                &Machine::check_rcpt,
                &Machine::proceed_rcpt,
                {State::RecipientCheck},
                "fewer recipients than the limit"},
    CommandRule{Verb::Data,
                {State::RcptGiven},
                &Machine::check_nothing,
                &Machine::proceed_data,
                {State::DataOpening},
                ""},
    CommandRule{Verb::Bdat,
                {State::RcptGiven, State::BetweenChunks},
                &Machine::check_nothing,
                &Machine::proceed_bdat,
                {State::ChunkOpening, State::Chunk, State::RefusedChunk},
                ""},
    CommandRule{
        Verb::Rset, kAnywhere, &Machine::check_nothing, &Machine::proceed_rset, {State::Identified}, ""},
    CommandRule{Verb::Noop, kAnywhere, &Machine::check_nothing, &Machine::proceed_noop, {}, ""},
    CommandRule{Verb::Help, kAnywhere, &Machine::check_nothing, &Machine::proceed_help, {}, ""},
    CommandRule{Verb::Vrfy, kAnywhere, &Machine::check_nothing, &Machine::proceed_vrfy, {}, ""},
    CommandRule{Verb::Expn, kAnywhere, &Machine::check_nothing, &Machine::proceed_expn, {}, ""},
    CommandRule{Verb::Quit, kAnywhere, &Machine::check_nothing, &Machine::proceed_quit, {}, ""},
};

constexpr std::array<StateRule, kServerStateCount> kStateRules{{
    {State::Created, "Created", "start()", {State::Connected}},
    {State::Connected,
     "Connected",
     "a command; HELO or EHLO is due",
     {State::Identified, State::TlsHandshake, State::RefusedChunk}},
    {State::Identified,
     "Identified",
     "a command; no transaction is open",
     {State::Identified, State::TlsHandshake, State::AuthLine, State::AuthCheck, State::SenderCheck,
      State::RefusedChunk}},
    {State::AuthLine,
     "AuthLine",
     "the client's next line of an AUTH exchange",
     {State::Identified, State::AuthLine, State::AuthCheck}},
    {State::AuthCheck, "AuthCheck", "the answer to CheckAuth", {State::Identified}},
    {State::SenderCheck, "SenderCheck", "the answer to CheckSender", {State::MailGiven, State::Identified}},
    {State::MailGiven,
     "MailGiven",
     "a command; RCPT is due",
     {State::Identified, State::RecipientCheck, State::RefusedChunk}},
    {State::RecipientCheck,
     "RecipientCheck",
     "the answer to CheckRecipient",
     {State::MailGiven, State::RcptGiven}},
    {State::RcptGiven,
     "RcptGiven",
     "a command; RCPT, DATA or BDAT is due",
     {State::Identified, State::RecipientCheck, State::DataOpening, State::ChunkOpening,
      State::RefusedChunk}},
    {State::DataOpening, "DataOpening", "the answer to OpenMessage", {State::Data, State::Identified}},
    {State::Data, "Data", "content up to CRLF.CRLF", {State::Committing, State::Identified}},
    {State::ChunkOpening, "ChunkOpening", "the answer to OpenMessage", {State::Chunk, State::RefusedChunk}},
    {State::Chunk,
     "Chunk",
     "the octets of a BDAT chunk",
     {State::BetweenChunks, State::RefusedChunk, State::Committing, State::Identified}},
    {State::BetweenChunks,
     "BetweenChunks",
     "a command; BDAT is due",
     {State::Chunk, State::RefusedChunk, State::Identified}},
    {State::RefusedChunk,
     "RefusedChunk",
     "the octets of a BDAT chunk that is refused",
     {State::Connected, State::Identified, State::MailGiven, State::RcptGiven}},
    {State::Committing, "Committing", "the answer to CommitMessage", {State::Identified}},
    {State::TlsHandshake, "TlsHandshake", "tls_ready()", {State::Connected}},
    {State::Closing, "Closing", "nothing", {}},
}};

std::string names_of(StateSet states) {
    std::string names;
    for (const StateRule& rule : kStateRules) {
        if (!states.contains(rule.state)) continue;
        if (!names.empty()) names += ", ";
        names += rule.name;
    }
    return names;
}

}  // namespace

const StateRule& rule_of(State state) {
    return kStateRules[static_cast<std::size_t>(state)];
}

const CommandRule* rule_of(Verb verb) {
    const auto* rule = std::ranges::find(kCommandRules, verb, &CommandRule::verb);
    return rule == kCommandRules.end() ? nullptr : rule;
}

std::string ServerSession::state_table() {
    std::string table = "| Command | Taken in | Checked first | May lead to |\n|---|---|---|---|\n";
    for (const CommandRule& rule : kCommandRules) {
        const std::string leads_to = names_of(rule.leads_to);
        table += "| ";
        table += to_string(rule.verb);
        table += " | " + names_of(rule.allowed) + " | ";
        table += rule.check_words.empty() ? "-" : rule.check_words;
        table += " | " + (leads_to.empty() ? std::string("-") : leads_to) + " |\n";
    }
    table += "\n| State | Waits for | May be followed by |\n|---|---|---|\n";
    for (const StateRule& rule : kStateRules) {
        table += "| ";
        table += rule.name;
        table += " | ";
        table += rule.waits_for;
        const std::string next = names_of(rule.next);
        table += " | " + (next.empty() ? std::string("-") : next) + " |\n";
    }
    return table;
}

}  // namespace posthouse::protocol
