#include "daemon/spool/writer.h"

#include "tests/spool/rig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace posthouse::spool::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

bool succeeded(const Done& done) {
    return done->has_value() && (*done)->has_value();
}
bool failed(const Done& done) {
    return done->has_value() && !(*done)->has_value();
}

struct WriterTest : testing::Test {
    FaultFs files;
    Rig rig{files};

    void SetUp() override { ASSERT_TRUE(rig.open()) << rig.error.message(); }

    std::uint64_t syncs() const { return rig.counters.syncs.load(); }

    Done accept_now(std::uint64_t id, std::size_t size = 500) {
        const Done done = rig.accept(make_message(id, size));
        rig.commit();
        return done;
    }
    // A crash of the process, and what is found after it.
    void restart() {
        rig.drop();
        files.restart_process();
        reopened = std::make_unique<Rig>(files);
        ASSERT_TRUE(reopened->open()) << reopened->error.message();
    }
    void cut_power() {
        rig.drop();
        files.cut_power(PowerCut::LoseAll, 1);
        reopened = std::make_unique<Rig>(files);
        ASSERT_TRUE(reopened->open()) << reopened->error.message();
    }
    std::unique_ptr<Rig> reopened;
};

TEST_F(WriterTest, SyncsOnceForAWholeGroup) {
    std::vector<Done> all;
    for (std::uint64_t id = 1; id <= 50; ++id) {
        all.push_back(rig.accept(make_message(id, 100)));
    }
    rig.commit();
    EXPECT_EQ(syncs(), 1U);
    for (const auto& done : all) {
        EXPECT_TRUE(succeeded(done));
    }
}

TEST_F(WriterTest, CompletesWrittenWithoutASyncAndSyncsItSoon) {
    ASSERT_TRUE(succeeded(accept_now(1)));
    const Done done = rig.append(make_attempt(1, 1), Durability::Written);
    rig.commit();
    EXPECT_TRUE(succeeded(done));
    EXPECT_EQ(syncs(), 1U);
    ASSERT_TRUE(rig.writer->next_tick());
    EXPECT_LE(*rig.writer->next_tick(), rig.now + rig.options.relaxed_sync);
    rig.tick(rig.options.relaxed_sync);
    EXPECT_EQ(syncs(), 2U);
}

TEST_F(WriterTest, SleepsWhenThereIsNothingToDo) {
    accept_now(1);
    rig.tick(Duration{2000});
    EXPECT_EQ(rig.writer->next_tick(), std::nullopt);
}

TEST_F(WriterTest, FillsInTheRecordBefore) {
    const Done accepted = accept_now(1);
    const Done attempt = rig.append(make_attempt(1, 1), Durability::Written);
    const Done outcome = rig.append(make_outcome(1, 0, RecipientState::Pending), Durability::Synced);
    rig.commit();
    const auto chain = rig.reader->read_chain(***outcome);
    ASSERT_TRUE(chain);
    ASSERT_EQ(chain->size(), 3U);
    EXPECT_EQ(std::get<Outcome>((*chain)[0]).previous, ***attempt);
    EXPECT_EQ(std::get<Attempt>((*chain)[1]).previous, ***accepted);
    EXPECT_EQ(std::get<Accepted>((*chain)[2]).id, MessageId{1});
}

TEST_F(WriterTest, AFailedSyncFailsItsGroupAndNothingIsAcknowledgedOnThatSegmentAgain) {
    ASSERT_TRUE(succeeded(accept_now(1)));
    files.fault_at(2, {Fault::Kind::Fail, EIO});  // write, then this sync
    EXPECT_TRUE(failed(accept_now(2)));
    const Done third = accept_now(3);
    ASSERT_TRUE(succeeded(third));
    EXPECT_EQ((***third).segment, 2U);
    EXPECT_FALSE(rig.writer->space().failed);
    cut_power();
    EXPECT_TRUE(reopened->found.messages.contains(1));
    EXPECT_FALSE(reopened->found.messages.contains(2));
    EXPECT_TRUE(reopened->found.messages.contains(3));
}

TEST_F(WriterTest, ARefusedMessageStaysAwayEvenIfItsOctetsCannotBeCutOff) {
    ASSERT_TRUE(succeeded(accept_now(1)));
    files.fault_at(2, {Fault::Kind::Fail, EIO});  // the sync
    files.fault_at(3, {Fault::Kind::Fail, EIO});  // cutting off what it left
    EXPECT_TRUE(failed(accept_now(2)));
    ASSERT_TRUE(succeeded(accept_now(3)));
    EXPECT_THAT(files.contents(rig.layout.segment(1)), HasSubstr("Subject: 2\r\n"));
    restart();
    EXPECT_FALSE(reopened->found.messages.contains(2));
    EXPECT_TRUE(reopened->report.damage.empty());
}

TEST_F(WriterTest, AFailedWriteSparesWhatWasWrittenBefore) {
    ASSERT_TRUE(succeeded(accept_now(1)));
    const Done written = rig.append(make_outcome(1, 0, RecipientState::Delivered, true), Durability::Written);
    rig.commit();
    ASSERT_TRUE(succeeded(written));
    files.fault_at(1, {Fault::Kind::ShortWrite, ENOSPC});
    EXPECT_TRUE(failed(accept_now(2, 5000)));
    cut_power();
    EXPECT_TRUE(reopened->found.messages.empty()) << "the outcome was synced with the end of its segment";
    EXPECT_TRUE(reopened->report.damage.empty());
}

TEST_F(WriterTest, RecordsWhoseWrittenWasPromisedMoveToTheNextSegmentWhenASyncFails) {
    ASSERT_TRUE(succeeded(accept_now(1)));
    ASSERT_TRUE(succeeded(accept_now(2)));
    const Done written = rig.append(make_outcome(1, 0, RecipientState::Delivered, true), Durability::Written);
    rig.append_silently(make_outcome(2, 0, RecipientState::Pending));
    rig.commit();
    ASSERT_TRUE(succeeded(written));
    files.fault_at(1, {Fault::Kind::Fail, EIO});
    rig.tick(rig.options.relaxed_sync);
    rig.tick(Duration{1});
    rig.tick(rig.options.relaxed_sync);
    cut_power();
    EXPECT_FALSE(reopened->found.messages.contains(1));
    ASSERT_TRUE(reopened->found.messages.contains(2));
    EXPECT_EQ(reopened->found.messages[2].recipients.at(0).reply.code, 450);
    // The chain goes round the failed segment.
    const auto chain = reopened->reader->read_chain(reopened->found.messages[2].newest);
    ASSERT_TRUE(chain);
    EXPECT_EQ(chain->size(), 2U);
}

TEST_F(WriterTest, RefusesWhileTheDiskIsFullAndComesBackByItself) {
    ASSERT_TRUE(succeeded(accept_now(1)));
    files.fault_at(1, {Fault::Kind::FailOn, ENOSPC});
    const Done refused = accept_now(2);
    ASSERT_TRUE(failed(refused));
    EXPECT_EQ((*refused)->error().os_error(), ENOSPC);
    rig.tick(Duration{1000});
    EXPECT_TRUE(rig.writer->space().failed);
    rig.append_silently(make_outcome(1, 0, RecipientState::Delivered, true));
    rig.commit();
    EXPECT_TRUE(failed(accept_now(3)));
    files.no_faults();
    rig.tick(Duration{1000});
    EXPECT_FALSE(rig.writer->space().failed);
    EXPECT_TRUE(succeeded(accept_now(4)));
    restart();
    EXPECT_FALSE(reopened->found.messages.contains(1)) << "the outcome was kept meanwhile";
    EXPECT_FALSE(reopened->found.messages.contains(2));
    EXPECT_FALSE(reopened->found.messages.contains(3));
    EXPECT_TRUE(reopened->found.messages.contains(4));
}

TEST_F(WriterTest, SaysThatSpaceIsLow) {
    files.set_free_bytes(rig.options.min_free - 1);
    rig.tick(Duration{1000});
    EXPECT_TRUE(rig.writer->space().low);
    files.set_free_bytes(rig.options.min_free);
    rig.tick(Duration{1000});
    EXPECT_FALSE(rig.writer->space().low);
    rig.options.max_size = 1000;
    accept_now(1, 2000);
    rig.tick(Duration{1000});
    EXPECT_TRUE(rig.writer->space().low);
}

TEST_F(WriterTest, StartsANewSegmentWhenOneIsFullAndAnnouncesIt) {
    EXPECT_EQ(rig.segments_started, 1);
    for (std::uint64_t id = 1; id <= 8; ++id) {
        ASSERT_TRUE(succeeded(accept_now(id, 20'000)));
    }
    EXPECT_EQ(rig.segments_started, 3);
    EXPECT_THAT(files.names("/spool/segments"), Contains("00000003.log"));
}

TEST_F(WriterTest, RemovesSegmentsFromTheOldestOn) {
    for (std::uint64_t id = 1; id <= 12; ++id) {  // four to a segment
        ASSERT_TRUE(succeeded(accept_now(id, 20'000)));
    }
    for (std::uint64_t id = 5; id <= 8; ++id) {
        rig.append(make_outcome(id, 0, RecipientState::Delivered, true), Durability::Synced);
    }
    rig.commit();
    EXPECT_THAT(files.names("/spool/segments"), Contains("00000001.log"));
    EXPECT_THAT(files.names("/spool/segments"), Contains("00000002.log")) << "the first is still needed";
    for (std::uint64_t id = 1; id <= 4; ++id) {
        rig.append(make_outcome(id, 0, RecipientState::Delivered, true), Durability::Synced);
    }
    rig.commit();
    EXPECT_THAT(files.names("/spool/segments"), Not(Contains("00000001.log")));
    EXPECT_THAT(files.names("/spool/segments"), Not(Contains("00000002.log")));
    restart();
    EXPECT_EQ(reopened->found.messages.size(), 4U);
    EXPECT_TRUE(reopened->report.damage.empty());
}

TEST_F(WriterTest, KeepsASegmentUntilItsUpstreamsAreWrittenInANewerOne) {
    ASSERT_TRUE(succeeded(accept_now(1, 60'000)));
    rig.append(make_attempt(1, 1, 3), Durability::Synced);
    rig.append(make_outcome(1, 0, RecipientState::Delivered, true), Durability::Synced);
    rig.commit();
    ASSERT_TRUE(succeeded(accept_now(2, 60'000)));
    rig.append(make_outcome(2, 0, RecipientState::Delivered, true), Durability::Synced);
    rig.commit();
    rig.tick(Duration{50});
    ASSERT_THAT(files.names("/spool/segments"), Contains("00000002.log"));
    EXPECT_THAT(files.names("/spool/segments"), Contains("00000001.log")) << "the charge is only there";
    rig.append(make_state("ses", 0), Durability::Synced);
    rig.commit();
    rig.tick(Duration{50});
    EXPECT_THAT(files.names("/spool/segments"), Not(Contains("00000001.log")));
}

TEST_F(WriterTest, AsksForLiveMessagesToBeCarriedOutOfAnOldSegmentThatHoldsUpMuch) {
    ASSERT_TRUE(succeeded(accept_now(1, 900)));
    for (std::uint64_t id = 10; id < 50; ++id) {
        ASSERT_TRUE(succeeded(accept_now(id, 20'000)));
        rig.append(make_outcome(id, 0, RecipientState::Delivered, true), Durability::Written);
        rig.commit();
    }
    rig.tick(Duration{2000});
    ASSERT_EQ(rig.carry_wanted.size(), 1U);
    EXPECT_EQ(rig.carry_wanted[0].first, MessageId{1});
    rig.answer_carry_requests();
    rig.commit();
    rig.tick(Duration{50});
    rig.tick(Duration{2000});
    EXPECT_LE(files.names("/spool/segments").size(), 4U);
    restart();
    ASSERT_EQ(reopened->found.messages.size(), 1U);
    const auto stored = reopened->read(reopened->found.messages[1].location);
    ASSERT_TRUE(stored);
    EXPECT_EQ((*stored)->content, make_content(1, 900));
}

TEST_F(WriterTest, ACarriedMessageKeepsWhatIsWrittenAfterTheRequest) {
    ASSERT_TRUE(succeeded(accept_now(1)));
    Carried state;
    state.accepted = make_accepted(1);
    state.accepted.facts.size = make_content(1, 500).size();
    state.recipients.resize(1);
    state.attempts = 3;
    rig.carry(std::move(state));
    rig.append(make_outcome(1, 0, RecipientState::Pending), Durability::Synced);
    rig.commit();
    restart();
    ASSERT_EQ(reopened->found.messages.size(), 1U);
    const auto& message = reopened->found.messages[1];
    EXPECT_EQ(message.attempts, 3U);
    EXPECT_EQ(message.recipients.at(0).reply.code, 450);
    const auto chain = reopened->reader->read_chain(message.newest);
    ASSERT_TRUE(chain);
    ASSERT_EQ(chain->size(), 2U);
    EXPECT_TRUE(std::holds_alternative<Carried>(chain->back()));
}

TEST_F(WriterTest, DoesNotCarryWhatIsFinished) {
    ASSERT_TRUE(succeeded(accept_now(1)));
    rig.append(make_outcome(1, 0, RecipientState::Delivered, true), Durability::Synced);
    Carried state;
    state.accepted = make_accepted(1);
    state.recipients.resize(1);
    const Done done = rig.carry(std::move(state));
    rig.commit();
    EXPECT_TRUE(failed(done));
    restart();
    EXPECT_TRUE(reopened->found.messages.empty());
}

TEST_F(WriterTest, CleanStopIsToldToTheNextStart) {
    ASSERT_TRUE(succeeded(accept_now(1)));
    rig.append(Stopped{rig.now}, Durability::Synced);
    rig.close();
    Rig next(files);
    ASSERT_TRUE(next.open());
    EXPECT_TRUE(next.report.clean_stop);
    next.drop();
    files.restart_process();
    Rig third(files);
    ASSERT_TRUE(third.open());
    EXPECT_TRUE(third.report.clean_stop) << "nothing was written since";
}

TEST_F(WriterTest, RemembersTheGreatestIdAlthoughItsMessageIsGone) {
    rig.gauges.last_id = 5000;
    ASSERT_TRUE(succeeded(accept_now(5000, 60'000)));
    rig.append(make_outcome(5000, 0, RecipientState::Delivered, true), Durability::Synced);
    rig.commit();
    ASSERT_TRUE(succeeded(accept_now(7, 60'000)));
    rig.append(make_outcome(7, 0, RecipientState::Delivered, true), Durability::Synced);
    rig.commit();
    rig.tick(Duration{50});
    EXPECT_THAT(files.names("/spool/segments"), Not(Contains("00000001.log")));
    restart();
    EXPECT_GE(reopened->gauges.last_id.load(), 5000U);
}

}  // namespace
}  // namespace posthouse::spool::test
