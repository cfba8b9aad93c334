// Transactions of ClientDialogue: MAIL, RCPT, DATA or BDAT, and what each recipient gets out of them.
//
// RFC 5321 3.3 and 4.1.1, RFC 2920 3.1 (what may be pipelined), RFC 3030 4.1 (BDAT may be), RFC 1870, 6152,
// 6531, RFC 3461 4 (DSN parameters).
#include "protocol/client_machine.h"
#include "protocol/utf8.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace posthouse::protocol {
namespace {

// RFC 2920 3.1: a client that writes without reading must not outrun the server's window for replies.
constexpr std::size_t kGroupSize = 16U << 10U;
// Content up to this size is sent behind MAIL and RCPT without waiting whether anybody is accepted.
constexpr std::uint64_t kSpeculativeContent = 64U << 10U;

// Values come from our own spool and were checked at submission; this is the last line against injected
// commands.
bool is_safe_address(std::string_view address) {
    return !has_control_characters(address) && address.find_first_of("<>") == std::string_view::npos;
}

// A quoted local part may hold blanks and angle brackets.
bool is_safe_path(std::string_view address) {
    return address.starts_with('"') ? !has_control_characters(address)
                                    : is_safe_address(address) && address.find(' ') == std::string_view::npos;
}

bool is_safe_value(std::string_view value) {
    return !value.empty() && std::ranges::all_of(value, [](char c) { return c > ' ' && c < '\x7F'; });
}

std::string notify_value(std::uint8_t notify) {
    if ((notify & kNotifyNever) != 0) return "NEVER";
    std::string value;
    const auto add = [&](std::uint8_t bit, std::string_view word) {
        if ((notify & bit) == 0) return;
        if (!value.empty()) value += ',';
        value += word;
    };
    add(kNotifySuccess, "SUCCESS");
    add(kNotifyFailure, "FAILURE");
    add(kNotifyDelay, "DELAY");
    return value;
}

}  // namespace

void ClientDialogue::Machine::start_transaction(Transaction transaction) {
    assert(phase == Phase::Ready && !transaction.recipients.empty());
    exchange.emplace();
    exchange->result.recipients.resize(transaction.recipients.size());
    exchange->progress.resize(transaction.recipients.size(), Progress::Undecided);
    exchange->transaction = std::move(transaction);
    enter(Phase::Exchange);
    refuse_locally();
    send_more();
}

void ClientDialogue::Machine::refuse_locally() {
    Transaction& wanted = exchange->transaction;
    if (!is_ascii(wanted.sender)) wanted.needs_smtputf8 = true;
    std::optional<Reply> refusal;
    if (wanted.needs_smtputf8 && !capabilities.smtputf8) {
        refusal =
            Reply(550, EnhancedCode{5, 6, 7}, "The message needs SMTPUTF8, which the server does not offer");
    } else if (capabilities.size && wanted.size > *capabilities.size) {
        refusal = Reply(552, EnhancedCode{5, 3, 4},
                        "The message has " + std::to_string(wanted.size) + " octets, the server takes " +
                            std::to_string(*capabilities.size));
    } else if (wanted.body == BodyType::EightBitMime && !capabilities.eight_bit_mime &&
               !options.send_eight_bit_anyway) {
        refusal =
            Reply(550, EnhancedCode{5, 6, 3}, "The message has 8-bit content and the server no 8BITMIME");
    } else if (!is_safe_path(wanted.sender)) {
        refusal = Reply(501, EnhancedCode{5, 1, 7}, "The sender's address cannot be sent");
    }
    if (refusal) {
        exchange->result.final_reply = *refusal;
        return decide_all(Progress::Undecided, RecipientStatus::Refused, Stage::Mail, *refusal);
    }
    for (std::size_t i = 0; i < wanted.recipients.size(); ++i) {
        const std::string& address = wanted.recipients[i].address;
        if (address.empty() || !is_safe_path(address)) {
            decide(i, RecipientStatus::Refused, Stage::Rcpt,
                   Reply(501, EnhancedCode{5, 1, 3}, "The recipient's address cannot be sent"));
        } else if (!is_ascii(address)) {
            if (capabilities.smtputf8) {
                wanted.needs_smtputf8 = true;
            } else {
                decide(i, RecipientStatus::Refused, Stage::Rcpt,
                       Reply(550, EnhancedCode{5, 6, 7},
                             "The address needs SMTPUTF8, which the server does not offer"));
            }
        }
        if (exchange->progress[i] == Progress::Decided) {
            exchange->result.final_reply = exchange->result.recipients[i].reply;
        }
    }
}

// Appends what may be sent now. Called at the start and whenever no reply is awaited any more.
void ClientDialogue::Machine::send_more() {
    Exchange& now = *exchange;
    assert(phase == Phase::Exchange && now.awaited.empty());
    if (now.data_sent || now.mail_refused || (!anyone(Progress::Undecided) && !anyone(Progress::Accepted))) {
        return finish();
    }
    const bool pipelining = capabilities.pipelining;
    if (!now.mail_sent) {
        if (needs_reset) {
            send_line("RSET");
            now.awaited.push_back({Awaited::Rset});
            needs_reset = false;
            if (!pipelining) return;
        }
        send_mail();
        if (!pipelining) return;
    }
    while (now.next_recipient < now.progress.size()) {
        const std::size_t index = now.next_recipient++;
        if (now.progress[index] != Progress::Undecided) continue;
        send_recipient(index);
        if (!pipelining || out.size() >= kGroupSize) return;
    }
    // Here either everything is answered and somebody was accepted, or the answers are still on their way.
    const bool speculative = !now.awaited.empty();
    if (capabilities.chunking) {
        if (speculative && now.transaction.size > kSpeculativeContent) return;
        return begin_chunked_content();
    }
    send_line("DATA");
    now.data_sent = true;
    now.awaited.push_back({Awaited::Data});
}

void ClientDialogue::Machine::send_mail() {
    const Transaction& wanted = exchange->transaction;
    out.append("MAIL FROM:<").append(wanted.sender).append(">");
    if (capabilities.size) out.append(" SIZE=").append(std::to_string(wanted.size));
    if (capabilities.eight_bit_mime && wanted.body == BodyType::EightBitMime) out.append(" BODY=8BITMIME");
    if (wanted.needs_smtputf8) out.append(" SMTPUTF8");
    if (capabilities.dsn) {
        if (wanted.dsn_return != DsnReturn::Unset) {
            out.append(wanted.dsn_return == DsnReturn::Full ? " RET=FULL" : " RET=HDRS");
        }
        if (is_safe_value(wanted.envelope_id)) out.append(" ENVID=").append(wanted.envelope_id);
    }
    out.append("\r\n");
    exchange->mail_sent = true;
    exchange->awaited.push_back({Awaited::Mail});
}

void ClientDialogue::Machine::send_recipient(std::size_t index) {
    const Recipient& recipient = exchange->transaction.recipients[index];
    out.append("RCPT TO:<").append(recipient.address).append(">");
    if (capabilities.dsn) {
        const std::string notify = notify_value(recipient.notify);
        if (!notify.empty()) out.append(" NOTIFY=").append(notify);
        if (is_safe_value(recipient.original_recipient))
            out.append(" ORCPT=").append(recipient.original_recipient);
    }
    out.append("\r\n");
    exchange->awaited.push_back({Awaited::Rcpt, index});
}

void ClientDialogue::Machine::begin_chunked_content() {
    out.append("BDAT ").append(std::to_string(exchange->transaction.size)).append(" LAST\r\n");
    exchange->data_sent = true;
    exchange->awaited.push_back({Awaited::Final});
    enter(Phase::Content);
}

void ClientDialogue::Machine::content_sent() {
    if (phase == Phase::Ended) return;  // the connection was lost at the last octet
    assert(phase == Phase::Content && asked);
    exchange->content_complete = true;
    enter(Phase::Exchange);
}

void ClientDialogue::Machine::handle_exchange(Reply reply) {
    Exchange& now = *exchange;
    if (now.awaited.empty()) return fail(reply, "the server sent a reply that nothing had asked for");
    const AwaitedReply command = now.awaited.front();
    // 3xx answers DATA and nothing else.
    if (reply.intermediate() && command.awaited != Awaited::Data) {
        return fail(reply, "the server answered with a code that has no place there");
    }
    if (phase == Phase::Content && command.awaited == Awaited::Final && reply.positive()) {
        return fail(reply, "the server accepted the content before it had all of it");
    }
    const auto next = [&now] { now.awaited.pop_front(); };
    switch (command.awaited) {
        case Awaited::Rset:
            if (!reply.positive()) return fail_politely(reply, "the server refuses RSET");
            next();
            break;
        case Awaited::Mail:
            next();
            handle_mail(reply);
            break;
        case Awaited::Rcpt:
            next();
            handle_recipient(command.recipient, std::move(reply));
            break;
        case Awaited::Data:
            if (reply.positive()) {
                return fail(reply, "the server answered DATA as if it had the message already");
            }
            next();
            handle_data(reply);
            break;
        case Awaited::Final:
            next();
            handle_final(reply);
            break;
    }
    if (phase == Phase::Exchange && now.awaited.empty()) send_more();
}

void ClientDialogue::Machine::handle_mail(const Reply& reply) {
    exchange->result.final_reply = reply;
    if (reply.positive()) {
        needs_reset = true;
        return;
    }
    exchange->mail_refused = true;
    decide_all(Progress::Undecided, RecipientStatus::Refused, Stage::Mail, reply);
}

void ClientDialogue::Machine::handle_recipient(std::size_t index, Reply reply) {
    if (exchange->mail_refused) return;  // the 503 that follows from it
    if (reply.positive()) {
        exchange->result.final_reply = reply;
        exchange->progress[index] = Progress::Accepted;
        return;
    }
    // RFC 5321 4.5.3.1.10: 552 here means "too many recipients", to be tried again; not so when the enhanced
    // code says something else (5.2.2, a full mailbox).
    if (reply.code == 552 && (!reply.enhanced || *reply.enhanced == EnhancedCode{5, 5, 3})) {
        reply.code = 452;
        reply.enhanced = EnhancedCode{4, 5, 3};
    }
    exchange->result.final_reply = reply;
    decide(index, RecipientStatus::Refused, Stage::Rcpt, reply);
}

void ClientDialogue::Machine::handle_data(const Reply& reply) {
    if (!anyone(Progress::Accepted)) {
        if (!reply.intermediate()) return;
        // RFC 2920 3.1: 354 although no recipient is valid. An empty message satisfies it.
        out.append(".\r\n");
        exchange->empty_content = true;
        exchange->awaited.push_back({Awaited::Final});
        return;
    }
    exchange->result.final_reply = reply;
    if (!reply.intermediate()) {
        return decide_all(Progress::Accepted, RecipientStatus::Refused, Stage::Data, reply);
    }
    exchange->awaited.push_back({Awaited::Final});
    enter(Phase::Content);
}

void ClientDialogue::Machine::handle_final(const Reply& reply) {
    if (reply.positive()) needs_reset = false;
    if (!anyone(Progress::Accepted)) return;  // everybody was refused before; this answer says no more
    exchange->result.final_reply = reply;
    decide_all(Progress::Accepted, reply.positive() ? RecipientStatus::Delivered : RecipientStatus::Refused,
               Stage::Content, reply);
}

void ClientDialogue::Machine::decide(std::size_t index, RecipientStatus status, Stage at,
                                     const Reply& reply) {
    exchange->progress[index] = Progress::Decided;
    exchange->result.recipients[index] = RecipientResult{status, at, reply};
}

void ClientDialogue::Machine::decide_all(Progress which, RecipientStatus status, Stage at,
                                         const Reply& reply) {
    for (std::size_t i = 0; i < exchange->progress.size(); ++i) {
        if (exchange->progress[i] == which) decide(i, status, at, reply);
    }
}

bool ClientDialogue::Machine::anyone(Progress which) const {
    return std::ranges::find(exchange->progress, which) != exchange->progress.end();
}

void ClientDialogue::Machine::finish() {
    exchange->result.connection_usable = true;
    done = std::move(exchange->result);
    exchange.reset();
    enter(Phase::Ready);
}

void ClientDialogue::Machine::end_exchange(const Reply& reply) {
    // 421 is an answer: the server has not taken the message. Silence or nonsense behind the last octet is
    // none: also those whose RCPT was not answered yet may have been accepted (BDAT was pipelined).
    const bool uncertain = exchange->content_complete && reply.code != 421;
    const auto status = uncertain ? RecipientStatus::Uncertain : RecipientStatus::NotTried;
    const Stage at = uncertain ? Stage::Content : stage();
    decide_all(Progress::Undecided, status, at, reply);
    decide_all(Progress::Accepted, status, at, reply);
    if (reply.code != 0) exchange->result.final_reply = reply;
    exchange->result.connection_usable = false;
    done = std::move(exchange->result);
    exchange.reset();
}

}  // namespace posthouse::protocol
