#include "daemon/queue/settlement.h"

#include "daemon/queue/reply_rules.h"

#include <fmt/format.h>

namespace posthouse::queue {

using protocol::RecipientResult;
using protocol::RecipientStatus;
using protocol::Stage;
using spool::RecipientState;

namespace {

Decision of_action(Action action) {
    switch (action) {
        case Action::Retry:
            return {RecipientState::Pending, false, Return::BySchedule};
        case Action::RetrySoon:
            return {RecipientState::Pending, false, Return::Soon};
        case Action::PauseUpstream:
            return {RecipientState::Pending, false, Return::AtOnce};
        case Action::Fail:
            return {RecipientState::Failed, false, Return::BySchedule};
    }
    return {};
}

Decision of_uncertain(config::UncertainPolicy policy) {
    switch (policy) {
        case config::UncertainPolicy::Retry:
            return {RecipientState::Pending, true, Return::BySchedule};
        case config::UncertainPolicy::AssumeDelivered:
            return {RecipientState::Delivered, true, Return::BySchedule};
        case config::UncertainPolicy::Hold:
            return {RecipientState::Held, true, Return::BySchedule};
    }
    return {};
}

// The reply that ended a transaction for a recipient that was not tried.
const protocol::Reply& ending(const RecipientResult& result, const protocol::TransactionResult& all) {
    return result.reply.code != 0 ? result.reply : all.final_reply;
}

std::string broken_off(const protocol::Reply& reply, Stage stage) {
    if (reply.code == 0) {
        return fmt::format("the connection is lost at {} each time, before the server decides anything",
                           protocol::to_string(stage));
    }
    return fmt::format("the server ends each transaction at {} with {}", protocol::to_string(stage),
                       protocol::to_line(reply));
}

}  // namespace

Settlement settlement_of(const protocol::TransactionResult& result, std::size_t recipients,
                         config::UncertainPolicy uncertain) {
    static const RecipientResult missing;
    Settlement settlement;
    settlement.recipients.reserve(recipients);
    bool decided = false;
    for (std::size_t i = 0; i < recipients; ++i) {
        const RecipientResult& recipient = i < result.recipients.size() ? result.recipients[i] : missing;
        Decision decision;
        bool broke_off = false;
        switch (recipient.status) {
            case RecipientStatus::Delivered:
                decision.state = RecipientState::Delivered;
                decided = true;
                break;
            case RecipientStatus::Uncertain:
                decision = of_uncertain(uncertain);
                decided = true;
                break;
            case RecipientStatus::Refused: {
                const Action action = decide(recipient.stage, recipient.reply);
                decision = of_action(action);
                broke_off = action == Action::RetrySoon;
                if (action == Action::PauseUpstream) {
                    settlement.effect = UpstreamEffect::Paused;
                    settlement.reason =
                        fmt::format("the account was refused at {}: {}; check login, password and TLS mode",
                                    protocol::to_string(recipient.stage), protocol::to_line(recipient.reply));
                } else if (!broke_off) {
                    decided = true;
                }
                break;
            }
            case RecipientStatus::NotTried: {
                const protocol::Reply& reply = ending(recipient, result);
                broke_off = recipient.stage != Stage::Content;
                if (broke_off && reply.code == 421) decision.back = Return::Soon;
                break;
            }
        }
        if (broke_off && settlement.reason.empty()) {
            settlement.reason = broken_off(ending(recipient, result), recipient.stage);
        }
        settlement.recipients.push_back(decision);
    }
    if (settlement.effect == UpstreamEffect::Paused) return settlement;
    if (decided) {
        settlement.effect = UpstreamEffect::Decided;
    } else if (!settlement.reason.empty()) {
        settlement.effect = UpstreamEffect::BrokeOff;
    }
    if (settlement.effect != UpstreamEffect::BrokeOff) settlement.reason.clear();
    return settlement;
}

}  // namespace posthouse::queue
