// Torn, flipped, zeroed, cut, foreign and junk: the spool starts, keeps all that can be read, sets the rest
// aside and says so.
#include "daemon/spool/content_file.h"
#include "daemon/spool/frame.h"
#include "daemon/spool/spool_inspect.h"
#include "tests/spool/rig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <sstream>

namespace posthouse::spool::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

// Five messages, each written by itself, in segment 1; 6 and 7 in segment 2 if `two_segments`.
struct Prepared {
    FaultFs files;
    std::vector<Location> at;
    std::vector<std::string> content;

    explicit Prepared(bool two_segments = false) {
        fill(1, 5);
        if (two_segments) {
            fill(6, 7);
        }
    }
    void fill(std::uint64_t from, std::uint64_t to) {
        Rig rig(files);
        ASSERT_TRUE(rig.open());
        for (std::uint64_t id = from; id <= to; ++id) {
            const auto message = make_message(id, 700);
            const Done done = rig.accept(message);
            rig.commit();
            ASSERT_TRUE(done->has_value() && **done);
            at.push_back(***done);
            content.push_back(message->content);
        }
        rig.close();
    }
    [[nodiscard]] std::string path(std::uint32_t segment) const { return Layout("/spool").segment(segment); }
    void edit(std::uint32_t segment, const std::function<void(std::string&)>& change) {
        std::string bytes = files.contents(path(segment));
        change(bytes);
        files.put(path(segment), bytes);
    }
    [[nodiscard]] std::size_t verify_problems() {
        std::ostringstream out;
        const auto summary = verify_spool(files, "/spool", InspectFormat::Text, out);
        return summary ? static_cast<std::size_t>(summary->problems) : 0;
    }
};

struct Row {
    const char* name;
    bool two_segments;
    std::function<void(Prepared&)> harm;
    std::vector<std::uint64_t> kept;  // ids that must be live afterwards, exactly
    bool damage;                      // something must be reported
    bool torn = false;                // something must be cut from the tail
};

std::ostream& operator<<(std::ostream& out, const Row& row) {
    return out << row.name;
}

class Damaged : public testing::TestWithParam<Row> {};

TEST_P(Damaged, SpoolStartsKeepsTheRestAndTells) {
    const Row& row = GetParam();
    Prepared prepared(row.two_segments);
    row.harm(prepared);
    const bool verify_tells = prepared.verify_problems() > 0;

    Rig rig(prepared.files);
    ASSERT_TRUE(rig.open()) << rig.error.message();
    std::vector<std::uint64_t> live;
    for (const auto& [id, message] : rig.found.messages) {
        live.push_back(id);
        const auto stored = rig.read(message.location);
        ASSERT_TRUE(stored) << stored.error().message();
        EXPECT_EQ((*stored)->content, prepared.content.at(id - 1)) << "message " << id;
    }
    EXPECT_EQ(live, row.kept);
    EXPECT_EQ(!rig.report.damage.empty(), row.damage);
    EXPECT_EQ(verify_tells, row.damage) << "verify and recovery disagree";
    EXPECT_EQ(rig.report.torn_tail > 0, row.torn);
    for (const auto& damage : rig.report.damage) {
        EXPECT_FALSE(damage.reason.empty());
        EXPECT_THAT(damage.reason, testing::Not(HasSubstr("could not be set aside")));
    }
    // The spool works on, and a restart keeps what is new.
    const Done done = rig.accept(make_message(100, 50));
    rig.commit();
    EXPECT_TRUE(done->has_value() && **done);
    rig.close();
    Rig again(prepared.files);
    ASSERT_TRUE(again.open());
    EXPECT_EQ(again.found.messages.size(), row.kept.size() + 1);
}

std::string& flip(std::string& bytes, std::size_t at) {
    bytes.at(at) = static_cast<char>(bytes.at(at) ^ 0x10);
    return bytes;
}

INSTANTIATE_TEST_SUITE_P(
    Spools, Damaged,
    testing::Values(
        Row{"Untouched", true, [](Prepared&) {}, {1, 2, 3, 4, 5, 6, 7}, false},
        Row{"HeaderOfARecordFlipped",
            false,
            [](Prepared& p) { p.edit(1, [&](std::string& b) { flip(b, p.at[2].offset + 9); }); },
            {1, 2, 4, 5},
            true},
        Row{"MetaOfARecordFlipped",
            false,
            [](Prepared& p) {
                p.edit(1, [&](std::string& b) { flip(b, p.at[2].offset + kFrameHeaderSize + 3); });
            },
            {1, 2, 4, 5},
            true},
        Row{"ContentOfARecordFlipped",
            false,
            [](Prepared& p) { p.edit(1, [&](std::string& b) { flip(b, p.at[3].offset - 5); }); },
            {1, 2, 4, 5},
            true},
        Row{"LastRecordFlipped",
            false,
            [](Prepared& p) { p.edit(1, [&](std::string& b) { flip(b, b.size() - 100); }); },
            {1, 2, 3, 4},
            true},
        Row{"FirstRecordFlipped",
            false,
            [](Prepared& p) { p.edit(1, [&](std::string& b) { flip(b, p.at[0].offset); }); },
            {2, 3, 4, 5},
            true},
        Row{"MiddleZeroed",
            false,
            [](Prepared& p) {
                p.edit(1, [&](std::string& b) {
                    b.replace(p.at[1].offset, p.at[3].offset - p.at[1].offset,
                              p.at[3].offset - p.at[1].offset, '\0');
                });
            },
            {1, 4, 5},
            true},
        Row{"TailZeroedWithinTheLastRecord",
            false,
            [](Prepared& p) { p.edit(1, [](std::string& b) { b.replace(b.size() - 600, 600, 600, '\0'); }); },
            {1, 2, 3, 4},
            false,
            true},
        Row{"TailCutWithinTheLastRecord",
            false,
            [](Prepared& p) { p.edit(1, [](std::string& b) { b.resize(b.size() - 1); }); },
            {1, 2, 3, 4},
            false,
            true},
        Row{"TailCutWithinTheLastHeader",
            false,
            [](Prepared& p) { p.edit(1, [&](std::string& b) { b.resize(p.at[4].offset + 20); }); },
            {1, 2, 3, 4},
            false,
            true},
        Row{"TailOfZerosOnly",
            false,
            [](Prepared& p) { p.edit(1, [](std::string& b) { b.resize(b.size() + 5000); }); },
            {1, 2, 3, 4, 5},
            false},
        Row{"TailOfJunk",
            false,
            [](Prepared& p) { p.edit(1, [](std::string& b) { b.append(3000, 'J'); }); },
            {1, 2, 3, 4, 5},
            true,
            true},
        Row{"SealedSegmentCutShort",
            true,
            [](Prepared& p) { p.edit(1, [](std::string& b) { b.resize(b.size() - 1); }); },
            {1, 2, 3, 4, 6, 7},
            true},
        Row{"SealedSegmentCutBetweenRecords",
            true,
            [](Prepared& p) { p.edit(1, [&](std::string& b) { b.resize(p.at[4].offset); }); },
            {1, 2, 3, 4, 6, 7},
            true},
        Row{"SealedSegmentZeroedAtTheEnd",
            true,
            [](Prepared& p) {
                p.edit(1, [&](std::string& b) {
                    b.replace(p.at[4].offset, std::string::npos,
                              std::string(b.size() - p.at[4].offset, '\0'));
                });
            },
            {1, 2, 3, 4, 6, 7},
            true},
        Row{"SealedSegmentZeroed",
            true,
            [](Prepared& p) { p.edit(1, [](std::string& b) { std::ranges::fill(b, '\0'); }); },
            {6, 7},
            true},
        Row{"SealedSegmentEmptied", true, [](Prepared& p) { p.files.put(p.path(1), ""); }, {6, 7}, true},
        Row{"SealedSegmentMissing",
            true,
            [](Prepared& p) { ASSERT_TRUE(p.files.remove(p.path(1))); },
            {6, 7},
            true},
        Row{"SealedSegmentIsJunk",
            true,
            [](Prepared& p) { p.edit(1, [](std::string& b) { std::ranges::fill(b, 'J'); }); },
            {6, 7},
            true},
        Row{"SegmentHeaderFlipped",
            true,
            [](Prepared& p) { p.edit(1, [](std::string& b) { flip(b, 12); }); },
            {1, 2, 3, 4, 5, 6, 7},
            true},
        Row{"NewestSegmentHeaderFlipped",
            true,
            [](Prepared& p) { p.edit(2, [](std::string& b) { flip(b, 40); }); },
            {1, 2, 3, 4, 5, 6, 7},
            true},
        Row{"NewestSegmentEmptied",
            true,
            [](Prepared& p) { p.files.put(p.path(2), ""); },
            {1, 2, 3, 4, 5},
            true},
        Row{"NewestSegmentZeroed",
            true,
            [](Prepared& p) { p.edit(2, [](std::string& b) { std::ranges::fill(b, '\0'); }); },
            {1, 2, 3, 4, 5},
            true},
        Row{"NewestSegmentIsJunk",
            true,
            [](Prepared& p) { p.edit(2, [](std::string& b) { std::ranges::fill(b, 'J'); }); },
            {1, 2, 3, 4, 5},
            true},
        Row{"SegmentsSwapped",
            true,
            [](Prepared& p) {
                const std::string one = p.files.contents(p.path(1));
                p.files.put(p.path(1), p.files.contents(p.path(2)));
                p.files.put(p.path(2), one);
            },
            {},
            true},
        Row{"ForeignFilesAndDirectories",
            false,
            [](Prepared& p) {
                p.files.put("/spool/segments/README", "hello");
                p.files.put("/spool/segments/00000001.log~", "backup");
                ASSERT_TRUE(p.files.make_directory("/spool/segments/00000009.log"));
                p.files.put("/spool/content/notes.txt", "hello");
            },
            {1, 2, 3, 4, 5},
            true},
        Row{"SegmentOfAnotherSpool",
            false,
            [](Prepared& p) {
                const SegmentHeader header{2, kSalt + 1, TimePoint{}, 0, 0, {}};
                p.files.put(p.path(2), encode_segment_header(header) + std::string(500, 'x'));
            },
            {1, 2, 3, 4, 5},
            true},
        Row{"UnreadableSegment",
            true,
            [](Prepared& p) { p.files.refuse_open(p.path(1), EACCES); },
            {6, 7},
            true},
        Row{"ManifestFlipped",
            true,
            [](Prepared& p) {
                std::string bytes = p.files.contents("/spool/manifest");
                p.files.put("/spool/manifest", flip(bytes, 40));
            },
            {1, 2, 3, 4, 5, 6, 7},
            true},
        Row{"ManifestMissing",
            true,
            [](Prepared& p) { ASSERT_TRUE(p.files.remove("/spool/manifest")); },
            {1, 2, 3, 4, 5, 6, 7},
            true}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(DamagedSpool, SetsTheDamagedOctetsAsideAsTheyWere) {
    Prepared prepared;
    prepared.edit(1, [&](std::string& bytes) { flip(bytes, prepared.at[2].offset + 60); });
    const std::string expected =
        prepared.files.contents(prepared.path(1))
            .substr(prepared.at[2].offset, prepared.at[3].offset - prepared.at[2].offset);
    for (int start = 0; start < 2; ++start) {  // a second start makes no second copy
        Rig rig(prepared.files);
        ASSERT_TRUE(rig.open());
        ASSERT_EQ(rig.report.damage.size(), 1U);
        EXPECT_EQ(rig.report.damage[0].file, "00000001.log");
        EXPECT_EQ(rig.report.damage[0].offset, prepared.at[2].offset);
        EXPECT_EQ(rig.report.damage[0].length, expected.size());
        rig.close();
    }
    const auto aside = prepared.files.names("/spool/damaged");
    ASSERT_EQ(aside.size(), 1U);
    EXPECT_EQ(prepared.files.contents("/spool/damaged/" + aside[0]), expected);
}

TEST(DamagedSpool, NamesTheMessageWhoseContentIsDamaged) {
    Prepared prepared;
    prepared.edit(1, [&](std::string& bytes) { flip(bytes, prepared.at[3].offset - 5); });
    Rig rig(prepared.files);
    ASSERT_TRUE(rig.open());
    ASSERT_EQ(rig.report.damage.size(), 1U);
    EXPECT_THAT(rig.report.damage[0].reason, HasSubstr(to_string(MessageId{3})));
}

TEST(DamagedSpool, StartsAlthoughNothingCanBeSetAsideOnAFullDisk) {
    Prepared prepared;
    prepared.edit(1, [&](std::string& bytes) { flip(bytes, prepared.at[2].offset + 60); });
    prepared.files.fault_at(1, {Fault::Kind::Fail, ENOSPC});
    Rig rig(prepared.files);
    ASSERT_TRUE(rig.open()) << rig.error.message();
    EXPECT_EQ(rig.found.messages.size(), 4U);
    ASSERT_EQ(rig.report.damage.size(), 1U);
    EXPECT_THAT(rig.report.damage[0].reason, HasSubstr("could not be set aside"));
}

TEST(DamagedSpool, LosesOnlyWhatLiesOnASectorThatCannotBeRead) {
    FaultFs files;
    std::vector<std::uint32_t> at;
    {
        Rig rig(files, 1U << 20U);
        ASSERT_TRUE(rig.open());
        for (std::uint64_t id = 1; id <= 5; ++id) {
            const Done done = rig.accept(make_message(id, 9000));
            rig.commit();
            at.push_back((***done).offset);
        }
        rig.close();
    }
    const std::string path = Layout("/spool").segment(1);
    const std::string before = files.contents(path);
    files.make_unreadable(path, at[4] + 5000, at[4] + 5010);
    for (int start = 0; start < 2; ++start) {
        Rig rig(files);
        ASSERT_TRUE(rig.open()) << rig.error.message();
        EXPECT_EQ(rig.found.messages.size(), 4U);
        EXPECT_FALSE(rig.report.damage.empty());
        EXPECT_EQ(files.contents(path), before) << "the disk may give it another day";
        rig.close();
    }
}

TEST(DamagedSpool, IsNotFooledByAFrameInsideAMessage) {
    // A client that knows the format, but not the salt, hides a frame in its message; then the record before
    // it is hit.
    FaultFs files;
    Location first;
    {
        Rig rig(files);
        ASSERT_TRUE(rig.open());
        const Done done = rig.accept(make_message(1, 300));
        std::string forged(kFrameHeaderSize, '\0');
        std::string meta;
        append_record(meta, make_accepted(666));
        encode_frame_header(forged.data(), RecordType::Accepted, meta, {}, 0,
                            FrameSeed(kSalt + 1, 1).at(500));
        auto message = std::make_shared<Stored>(*make_message(2, 300));
        message->content = forged + meta + message->content;
        rig.accept(message);
        rig.commit();
        first = ***done;
        rig.close();
    }
    std::string bytes = files.contents(Layout("/spool").segment(1));
    std::fill(bytes.begin() + first.offset, bytes.begin() + first.offset + 600, 'J');
    files.put(Layout("/spool").segment(1), bytes);
    Rig rig(files);
    ASSERT_TRUE(rig.open());
    EXPECT_THAT(rig.found.messages, IsEmpty());
    EXPECT_FALSE(rig.report.damage.empty());
}

TEST(DamagedSpool, RefusesToStartOnAFormatThatItDoesNotKnow) {
    Prepared prepared;
    prepared.files.put("/spool/manifest", "posthouse spool, format 2\nfirst 00000001\n");
    Rig rig(prepared.files);
    EXPECT_FALSE(rig.open());
    EXPECT_THAT(rig.error.message(), HasSubstr("format version 2"));
    EXPECT_THAT(prepared.files.names("/spool/segments"), Contains("00000001.log"));
}

TEST(DamagedSpool, DoesNotStartWhenAPassingFailureWouldLookLikeDamage) {
    Prepared prepared;
    prepared.files.refuse_open(prepared.path(1), EMFILE);
    Rig rig(prepared.files);
    EXPECT_FALSE(rig.open());
    EXPECT_THAT(prepared.files.names("/spool/damaged"), IsEmpty());
}

TEST(DamagedSpool, GivesUpAMessageWhoseContentFileIsGoneAndKeepsItsRecord) {
    FaultFs files;
    {
        Rig rig(files);
        ASSERT_TRUE(rig.open());
        auto stored = std::make_shared<Stored>();
        stored->accepted = make_accepted(5);
        stored->accepted.external = true;
        auto writer = ContentWriter::create(files, rig.layout.content, MessageId{5});
        ASSERT_TRUE(writer && (*writer)->append("content") && (*writer)->finish());
        const Done done = rig.accept(stored);
        rig.commit();
        ASSERT_TRUE(done->has_value() && **done);
        rig.close();
    }
    ASSERT_TRUE(files.remove(Layout("/spool").content_of(MessageId{5})));
    Rig rig(files);
    ASSERT_TRUE(rig.open());
    EXPECT_THAT(rig.found.messages, IsEmpty());
    ASSERT_EQ(rig.report.damage.size(), 1U);
    EXPECT_THAT(rig.report.damage[0].reason, HasSubstr(to_string(MessageId{5})));
    EXPECT_EQ(files.names("/spool/damaged").size(), 1U);
}

TEST(DamagedSpool, KeepsAContentThatNobodyNamesWhenARecordIsDamaged) {
    Prepared prepared;
    prepared.files.put(Layout("/spool").content_of(MessageId{77}), "perhaps all that is left");
    prepared.edit(1, [&](std::string& bytes) { flip(bytes, prepared.at[2].offset + 60); });
    Rig rig(prepared.files);
    ASSERT_TRUE(rig.open());
    EXPECT_THAT(prepared.files.names("/spool/damaged"), Contains(to_string(MessageId{77})));
}

TEST(DamagedSpool, RemovesAContentThatNobodyNamesWhenAllIsWell) {
    Prepared prepared;
    prepared.files.put(Layout("/spool").content_of(MessageId{77}), "a crash before accept()");
    Rig rig(prepared.files);
    ASSERT_TRUE(rig.open());
    EXPECT_THAT(prepared.files.names("/spool/content"), IsEmpty());
    EXPECT_THAT(rig.report.damage, IsEmpty());
    EXPECT_EQ(rig.gauges.last_id.load(), 77U) << "its id must not be given out again";
}

struct DirectoryRow {
    const char* name;
    std::function<void(FaultFs&)> prepare;
    const char* says;
};

TEST(SpoolDirectory, IsRefusedUnlessItIsOurs) {
    const DirectoryRow rows[] = {
        {"a file", [](FaultFs& files) { files.put("/spool", "x"); }, "no directory"},
        {"another user's",
         [](FaultFs& files) {
             ASSERT_TRUE(files.make_directory("/spool"));
             files.set_permissions("/spool", 0700, false);
         },
         "belongs to user"},
        {"writable by all",
         [](FaultFs& files) {
             ASSERT_TRUE(files.make_directory("/spool"));
             files.set_permissions("/spool", 0777, true);
         },
         "chmod 0700"},
        {"writable by the group",
         [](FaultFs& files) {
             ASSERT_TRUE(files.make_directory("/spool"));
             files.set_permissions("/spool", 0770, true);
         },
         "chmod 0700"},
        {"with a file in place of a part",
         [](FaultFs& files) {
             ASSERT_TRUE(files.make_directory("/spool"));
             files.put("/spool/segments", "x");
         },
         "/spool/segments is no directory"},
    };
    for (const auto& row : rows) {
        FaultFs files;
        row.prepare(files);
        Rig rig(files);
        EXPECT_FALSE(rig.open()) << row.name;
        EXPECT_THAT(rig.error.message(), HasSubstr(row.says)) << row.name;
    }
}

TEST(SpoolDirectory, TellsASecondStartWhoHoldsIt) {
    FaultFs files;
    Rig first(files);
    ASSERT_TRUE(first.open());
    const std::uint64_t steps = files.steps();
    Rig second(files);
    EXPECT_FALSE(second.open());
    EXPECT_THAT(second.error.message(), HasSubstr("in use by the test"));
    EXPECT_EQ(files.steps(), steps) << "it touched something";
}

}  // namespace
}  // namespace posthouse::spool::test
