#include "daemon/spool/live_state.h"

#include "daemon/spool/compact_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

namespace posthouse::spool {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(CompactMap, AgreesWithAStandardMap) {
    std::mt19937_64 random(3);
    CompactMap<std::uint32_t> compact;
    std::map<std::uint64_t, std::uint32_t> standard;
    for (std::uint32_t i = 0; i < 60'000; ++i) {
        // Ids as they come: rising, close together; and some from anywhere.
        const std::uint64_t id =
            random() % 4 == 0 ? random() | 1U : (std::uint64_t{1'700'000'000'000} << 20U) + random() % 3000;
        if (random() % 3 == 0) {
            EXPECT_EQ(compact.erase(MessageId{id}), standard.erase(id) == 1);
        } else {
            compact.insert(MessageId{id}, i);
            standard[id] = i;
        }
    }
    ASSERT_EQ(compact.size(), standard.size());
    for (const auto& [id, value] : standard) {
        ASSERT_NE(compact.find(MessageId{id}), nullptr);
        EXPECT_EQ(*compact.find(MessageId{id}), value);
    }
    std::size_t seen = 0;
    compact.for_each([&](MessageId id, std::uint32_t value) {
        ++seen;
        EXPECT_EQ(standard.at(id.value), value);
    });
    EXPECT_EQ(seen, standard.size());
    EXPECT_EQ(compact.find(MessageId{0}), nullptr);
}

TEST(CompactMap, GivesMemoryBackAfterAPeak) {
    CompactMap<std::uint64_t> map;
    for (std::uint64_t id = 1; id <= 100'000; ++id) {
        map.insert(MessageId{id}, id);
    }
    const std::size_t peak = map.bytes();
    for (std::uint64_t id = 1; id <= 99'000; ++id) {
        map.erase(MessageId{id});
    }
    EXPECT_LT(map.bytes(), peak / 8);
    EXPECT_NE(map.find(MessageId{99'500}), nullptr);
}

TEST(LiveState, CostsAboutThirtyOctetsAMessage) {
    LiveState state;
    state.segment_started(1);
    constexpr std::size_t kMessages = 200'000;
    for (std::uint32_t i = 1; i <= kMessages; ++i) {
        state.accepted(MessageId{(std::uint64_t{1'700'000'000'000} << 20U) + i}, {1, i}, false, 1300);
    }
    EXPECT_LE(state.table_bytes(), kMessages * 36);
}

struct LiveStateTest : testing::Test {
    LiveState state;
    void segments(std::uint32_t from, std::uint32_t to) {
        for (std::uint32_t sequence = from; sequence <= to; ++sequence) {
            state.segment_started(sequence);
            state.segment_asked(sequence);
            state.segment_grown(sequence, 1000);
            if (sequence < to) {
                state.segment_sealed(sequence);
            }
        }
    }
};

TEST_F(LiveStateTest, NeverRemovesTheSegmentBeingWritten) {
    segments(1, 1);
    EXPECT_THAT(state.take_removable(), IsEmpty());
}

TEST_F(LiveStateTest, RemovesAPrefixOnly) {
    segments(1, 4);
    state.accepted(MessageId{1}, {2, 64}, false, 100);
    EXPECT_THAT(state.take_removable(), ElementsAre(1));
    state.finished(MessageId{1});
    EXPECT_THAT(state.take_removable(), ElementsAre(2, 3));
    EXPECT_EQ(state.oldest_segment(), 4U);
}

TEST_F(LiveStateTest, ACarriedMessageLeavesItsOldSegment) {
    segments(1, 3);
    state.accepted(MessageId{1}, {1, 64}, true, 100);
    state.carried(MessageId{1}, {3, 64}, 120);
    EXPECT_THAT(state.take_removable(), ElementsAre(1, 2));
    const auto message = state.finished(MessageId{1});
    ASSERT_TRUE(message);
    EXPECT_TRUE(message->external);
    EXPECT_EQ(message->base, (Location{3, 64}));
}

TEST_F(LiveStateTest, AChargeHoldsItsSegmentUntilAWholeStateIsNewer) {
    segments(1, 3);
    state.upstream_written("ses", 1, false);
    state.upstream_written("ses", 2, false);
    EXPECT_THAT(state.take_removable(), IsEmpty());
    state.upstream_written("ses", 3, true);
    EXPECT_THAT(state.take_removable(), ElementsAre(1, 2));
}

TEST_F(LiveStateTest, AStateHoldsItsSegmentUntilANewerOneIsWritten) {
    segments(1, 3);
    state.upstream_written("ses", 2, true);
    state.upstream_written("gmail", 1, true);
    EXPECT_THAT(state.take_removable(), IsEmpty());
    state.upstream_written("gmail", 3, true);
    EXPECT_THAT(state.take_removable(), ElementsAre(1));
}

TEST_F(LiveStateTest, AnUpstreamNobodyWritesAnyMoreIsGivenUpAfterTwoSegments) {
    segments(1, 2);
    state.upstream_written("removed", 1, true);
    segments(3, 3);
    state.segment_sealed(2);
    EXPECT_THAT(state.take_removable(), IsEmpty());
    segments(4, 4);
    state.segment_sealed(3);
    EXPECT_THAT(state.take_removable(), ElementsAre(1, 2, 3));
}

TEST_F(LiveStateTest, EstimatesLiveBytesByTheMeanOfASegment) {
    segments(1, 1);
    for (std::uint64_t id = 1; id <= 10; ++id) {
        state.accepted(MessageId{id}, {1, static_cast<std::uint32_t>(64 + id)}, false, 500);
    }
    for (std::uint64_t id = 1; id <= 9; ++id) {
        state.finished(MessageId{id});
    }
    EXPECT_EQ(state.live_bytes(), 500U);
    ASSERT_EQ(state.lying_in(1).size(), 1U);
    EXPECT_EQ(state.lying_in(1)[0].id, MessageId{10});
}

}  // namespace
}  // namespace posthouse::spool
