// Settlement: what the result of one transaction means, recipient by recipient and for the upstream.
//
// Pure. Decides by the reply rules and by the policy for lost final replies (config::UncertainPolicy); knows
// nothing of schedules, records or lanes.
//
//   Delivered                         -> Delivered
//   Refused                           -> as its reply is classified (reply_rules.h)
//   NotTried after 421, before content-> tried again soon: another connection may well do
//   NotTried otherwise                -> an attempt like another: by the schedule
//   Uncertain                         -> retry | assume_delivered | hold
//
// For the upstream: Decided if the server took a stand on any recipient; Paused if a rule says so; BrokeOff
// if the transaction ended by 421 or a lost connection before that. A break during the content says nothing
// about the upstream: the message itself may be what breaks it.
#pragma once

#include "config/schema.h"
#include "daemon/spool/record.h"
#include "protocol/client_dialogue.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace posthouse::queue {

enum class Return : std::uint8_t { BySchedule, Soon, AtOnce };  // of a Pending recipient

struct Decision {
    spool::RecipientState state = spool::RecipientState::Pending;
    bool uncertain = false;
    Return back = Return::BySchedule;
};

enum class UpstreamEffect : std::uint8_t { None, Decided, BrokeOff, Paused };

struct Settlement {
    std::vector<Decision> recipients;  // parallel to the transaction's
    UpstreamEffect effect = UpstreamEffect::None;
    std::string reason;  // of BrokeOff and Paused
};

// The result made to have exactly `recipients` entries: what is missing was not tried.
[[nodiscard]] Settlement settlement_of(const protocol::TransactionResult& result, std::size_t recipients,
                                       config::UncertainPolicy uncertain);

}  // namespace posthouse::queue
