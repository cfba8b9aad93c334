#include "daemon/queue/settlement.h"

#include "daemon/queue/reply_rules.h"
#include "tests/queue/queue_world.h"

#include <gtest/gtest.h>

namespace posthouse::queue {
namespace {

using config::UncertainPolicy;
using protocol::RecipientStatus;
using protocol::Stage;
using spool::RecipientState;

TEST(Settlement, ReadsEveryKindOfResult) {
    struct Case {
        const char* name;
        protocol::TransactionResult result;
        UncertainPolicy policy;
        RecipientState state;
        bool uncertain;
        Return back;
        UpstreamEffect effect;
    };
    using R = RecipientState;
    using E = UpstreamEffect;
    constexpr auto kRetry = UncertainPolicy::Retry;
    const Case cases[] = {
        {"delivered", test::all_delivered(), kRetry, R::Delivered, false, Return::BySchedule, E::Decided},
        {"451 at RCPT", test::all_refused(Stage::Rcpt, 451), kRetry, R::Pending, false, Return::BySchedule,
         E::Decided},
        {"450 at MAIL", test::all_refused(Stage::Mail, 450), kRetry, R::Pending, false, Return::BySchedule,
         E::Decided},
        {"454 after the content", test::all_refused(Stage::Content, 454), kRetry, R::Pending, false,
         Return::BySchedule, E::Decided},
        {"550 at RCPT", test::all_refused(Stage::Rcpt, 550), kRetry, R::Failed, false, Return::BySchedule,
         E::Decided},
        {"554 at DATA", test::all_refused(Stage::Data, 554), kRetry, R::Failed, false, Return::BySchedule,
         E::Decided},
        {"552 after the content", test::all_refused(Stage::Content, 552), kRetry, R::Failed, false,
         Return::BySchedule, E::Decided},
        {"550 at MAIL", test::all_refused(Stage::Mail, 550), kRetry, R::Failed, false, Return::BySchedule,
         E::Decided},
        {"530 at MAIL", test::all_refused(Stage::Mail, 530), kRetry, R::Pending, false, Return::AtOnce,
         E::Paused},
        {"535 at MAIL", test::all_refused(Stage::Mail, 535), kRetry, R::Pending, false, Return::AtOnce,
         E::Paused},
        {"530 at RCPT", test::all_refused(Stage::Rcpt, 530), kRetry, R::Failed, false, Return::BySchedule,
         E::Decided},
        {"refused without sense", test::all_refused(Stage::Rcpt, 299), kRetry, R::Pending, false,
         Return::BySchedule, E::Decided},
        {"421 at MAIL", test::all_untried(Stage::Mail, 421), kRetry, R::Pending, false, Return::Soon,
         E::BrokeOff},
        {"421 called a refusal", test::all_refused(Stage::Rcpt, 421), kRetry, R::Pending, false, Return::Soon,
         E::BrokeOff},
        {"421 after the content", test::all_refused(Stage::Content, 421), kRetry, R::Pending, false,
         Return::BySchedule, E::Decided},
        {"lost at RCPT", test::all_untried(Stage::Rcpt, 0), kRetry, R::Pending, false, Return::BySchedule,
         E::BrokeOff},
        {"lost in the content", test::all_untried(Stage::Content, 0), kRetry, R::Pending, false,
         Return::BySchedule, E::None},
        {"uncertain, retry", test::all_uncertain(), kRetry, R::Pending, true, Return::BySchedule, E::Decided},
        {"uncertain, assume", test::all_uncertain(), UncertainPolicy::AssumeDelivered, R::Delivered, true,
         Return::BySchedule, E::Decided},
        {"uncertain, hold", test::all_uncertain(), UncertainPolicy::Hold, R::Held, true, Return::BySchedule,
         E::Decided},
    };
    for (const Case& row : cases) {
        SCOPED_TRACE(row.name);
        const Settlement settlement = settlement_of(row.result, 1, row.policy);
        ASSERT_EQ(settlement.recipients.size(), 1U);
        EXPECT_EQ(settlement.recipients[0].state, row.state);
        EXPECT_EQ(settlement.recipients[0].uncertain, row.uncertain);
        EXPECT_EQ(settlement.recipients[0].back, row.back);
        EXPECT_EQ(settlement.effect, row.effect);
        EXPECT_EQ(settlement.reason.empty(), row.effect != E::BrokeOff && row.effect != E::Paused);
    }
}

TEST(Settlement, TakesADecisionOnOneRecipientForADecision) {
    protocol::TransactionResult result = test::all_untried(Stage::Rcpt, 421, 2);
    result.recipients[0] = test::all_refused(Stage::Rcpt, 550).recipients[0];
    const Settlement settlement = settlement_of(result, 2, UncertainPolicy::Retry);
    EXPECT_EQ(settlement.effect, UpstreamEffect::Decided);
    EXPECT_EQ(settlement.recipients[0].state, RecipientState::Failed);
    EXPECT_EQ(settlement.recipients[1].back, Return::Soon);
}

TEST(Settlement, TakesMissingRecipientsForUntried) {
    const Settlement settlement = settlement_of(test::all_delivered(1), 3, UncertainPolicy::Retry);
    ASSERT_EQ(settlement.recipients.size(), 3U);
    EXPECT_EQ(settlement.recipients[0].state, RecipientState::Delivered);
    EXPECT_EQ(settlement.recipients[2].state, RecipientState::Pending);
}

}  // namespace
}  // namespace posthouse::queue
