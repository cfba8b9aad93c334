#include "daemon/spool/layout.h"
#include "daemon/spool/spool_inspect.h"
#include "tests/spool/rig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace posthouse::spool::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Inspect : testing::Test {
    FaultFs files;
    std::ostringstream out;

    void SetUp() override {
        Rig rig(files);
        ASSERT_TRUE(rig.open());
        auto hostile = std::make_shared<Stored>(*make_message(1, 400));
        hostile->accepted.facts.message_id = "\x1b[31m\"red\"\n";
        rig.accept(hostile);
        rig.accept(make_message(2, 300, 2));
        rig.append(make_attempt(1, 1, 1), Durability::Synced);
        rig.append(make_outcome(1, 0, RecipientState::Pending), Durability::Synced);
        rig.append(make_outcome(2, 1, RecipientState::Delivered, true), Durability::Synced);
        rig.append(make_state("ses", 1), Durability::Synced);
        rig.append(Stopped{rig.now}, Durability::Synced);
        rig.commit();
        rig.close();
    }
};

TEST_F(Inspect, VerifyCountsASoundSpool) {
    const std::uint64_t steps = files.steps();
    const auto summary = verify_spool(files, "/spool", InspectFormat::Text, out);
    ASSERT_TRUE(summary) << summary.error().message();
    EXPECT_EQ(summary->problems, 0U);
    EXPECT_EQ(summary->records, 7U);
    EXPECT_EQ(summary->live, 1U);
    EXPECT_EQ(summary->finished, 1U);
    EXPECT_THAT(out.str(), StartsWith("line=summary segments=1 records=7 live=1 finished=1"));
    EXPECT_EQ(files.steps(), steps) << "it changed something";
}

TEST_F(Inspect, DumpSaysAllAndLetsNoEscapeThrough) {
    ASSERT_TRUE(dump_spool(files, "/spool", {}, out));
    const std::string text = out.str();
    EXPECT_THAT(text, HasSubstr("type=accepted id=0000000000001"));
    EXPECT_THAT(text, HasSubstr("from=\"shop@example.org\""));
    EXPECT_THAT(text, HasSubstr("type=attempt"));
    EXPECT_THAT(text, HasSubstr("state=pending uncertain=false reply=\"450 4.2.0 as scripted\""));
    EXPECT_THAT(text, HasSubstr("type=upstream-state upstream=\"ses\""));
    EXPECT_THAT(text, HasSubstr("type=stopped at=2023-11-14T22:13:20.000Z"));
    EXPECT_THAT(text, HasSubstr("message_id=\"\\u001b[31m\\\"red\\\"\\u000a\""));
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST_F(Inspect, DumpInJsonIsOneObjectALine) {
    ASSERT_TRUE(dump_spool(files, "/spool", {InspectFormat::JsonLines, std::nullopt}, out));
    std::istringstream lines(out.str());
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
        EXPECT_EQ(line.front(), '{');
        EXPECT_EQ(line.back(), '}');
        EXPECT_EQ(std::ranges::count(line, '{'), std::ranges::count(line, '}')) << line;
        EXPECT_THAT(line, HasSubstr("\"line\":\"record\""));
    }
    EXPECT_EQ(count, 7);
}

TEST_F(Inspect, DumpOfOneMessageLeavesTheOthersOut) {
    ASSERT_TRUE(dump_spool(files, "/spool", {InspectFormat::Text, MessageId{2}}, out));
    EXPECT_THAT(out.str(), HasSubstr("id=0000000000002"));
    EXPECT_THAT(out.str(), Not(HasSubstr("id=0000000000001")));
    EXPECT_THAT(out.str(), Not(HasSubstr("stopped")));
}

TEST_F(Inspect, ExportGivesTheContentOfFinishedMessagesToo) {
    ASSERT_TRUE(export_message(files, "/spool", MessageId{2}, out));
    EXPECT_EQ(out.str(), make_content(2, 300));
    const auto missing = export_message(files, "/spool", MessageId{3}, out);
    ASSERT_FALSE(missing);
    EXPECT_THAT(missing.error().message(), HasSubstr("0000000000003 is not in the spool"));
}

TEST_F(Inspect, SaysWhenThePathIsNoSpool) {
    const auto summary = verify_spool(files, "/elsewhere", InspectFormat::Text, out);
    ASSERT_FALSE(summary);
    EXPECT_THAT(summary.error().message(), HasSubstr("/elsewhere is no spool"));
}

}  // namespace
}  // namespace posthouse::spool::test
