// A conversation with a ClientDialogue, written as pairs: what happens to it, and what it does then. Played
// whole and octet by octet, with the same result.
//
// What happens is what the server says ("220 ready", CRLF is added to every line), or one of
//   <tls> <tls failed> <close> <deadline> <start> <sent> <disk> <quit>, or <raw>text with \r \n escapes.
// What it does is its actions, joined by " | ", without NeedInput.
#pragma once

#include "protocol/client_dialogue.h"

#include <string>
#include <vector>

namespace posthouse::protocol::testing {

struct Exchanged {
    std::string happens;
    std::string does;
};

struct Conversation {
    ClientOptions options;
    Transaction transaction;
    std::vector<Exchanged> steps;
};

// Without TLS, named "me"; from a@example.org to b@example.net, 7 octets of content.
[[nodiscard]] ClientOptions plain_options();
[[nodiscard]] Transaction small_transaction();

// Expects every step's actions, in both splits.
void play(const Conversation& conversation);

// "Delivered content 250", one per recipient, joined by ", ".
[[nodiscard]] std::string describe(const TransactionResult& result);
[[nodiscard]] std::string describe(const ClientDialogue::Action& action);  // "" for NeedInput

}  // namespace posthouse::protocol::testing
