// docs/spool-format.md against the code and the tests.
#include "daemon/spool/frame.h"
#include "tests/spool/rig.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace posthouse::spool::test {
namespace {

std::string document() {
    std::ifstream file(POSTHOUSE_SOURCE_DIR "/docs/spool-format.md");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

std::string hexdump(std::string_view bytes) {
    std::string out;
    char field[32];
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        if (at % 16 == 0) {
            std::snprintf(field, sizeof field, "%s%04zx ", at == 0 ? "" : "\n", at);
            out += field;
        }
        std::snprintf(field, sizeof field, " %02x",
                      static_cast<unsigned>(static_cast<unsigned char>(bytes[at])));
        out += field;
    }
    return out + "\n";
}

TEST(SpoolFormatDocument, ShowsTheOctetsThatTheCodeWrites) {
    SegmentHeader header;
    header.sequence = 1;
    header.salt = kSalt;
    header.created = from_unix_ms(1'700'000'000'000);
    header.last_id.value = 4096;
    std::string bytes = encode_segment_header(header);
    std::string meta;
    append_record(meta, Stopped{from_unix_ms(1'700'000'001'000)});
    std::string frame(kFrameHeaderSize, '\0');
    encode_frame_header(frame.data(), RecordType::Stopped, meta, {}, 64, FrameSeed(kSalt, 1).at(64));
    bytes += frame + meta;

    const std::string text = document();
    const std::string opening = "```hexdump\n";
    const auto from = text.find(opening);
    ASSERT_NE(from, std::string::npos);
    const auto to = text.find("```", from + opening.size());
    EXPECT_EQ(text.substr(from + opening.size(), to - from - opening.size()), hexdump(bytes));
}

TEST(SpoolFormatDocument, NamesTestsThatExist) {
    std::set<std::string> existing;
    const auto& all = *testing::UnitTest::GetInstance();
    for (int i = 0; i < all.total_test_suite_count(); ++i) {
        const auto& suite = *all.GetTestSuite(i);
        for (int j = 0; j < suite.total_test_count(); ++j) {
            // "Faults/CrashSweep" and "Name/Row" of tests with parameters lose what stands around the names.
            std::string name = suite.name();
            name = name.substr(name.find('/') == std::string::npos ? 0 : name.find('/') + 1);
            std::string test = suite.GetTestInfo(j)->name();
            existing.insert(name + "." + test.substr(0, test.find('/')));
        }
    }
    const std::string text = document();
    const std::regex named("`([A-Z][A-Za-z]+\\.[A-Z][A-Za-z0-9]+)`");
    int count = 0;
    for (std::sregex_iterator match(text.begin(), text.end(), named), end; match != end; ++match, ++count) {
        EXPECT_TRUE(existing.contains((*match)[1].str())) << (*match)[1].str();
    }
    EXPECT_GT(count, 15);
}

}  // namespace
}  // namespace posthouse::spool::test
