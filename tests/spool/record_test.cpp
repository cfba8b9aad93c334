#include "daemon/spool/record.h"

#include "daemon/spool/bytes.h"
#include "daemon/spool/crc32c.h"
#include "daemon/spool/frame.h"
#include "daemon/spool/layout.h"
#include "daemon/spool/manifest.h"
#include "daemon/spool/message_id.h"
#include "tests/spool/rig.h"

#include <gtest/gtest.h>

#include <limits>

namespace posthouse::spool {
namespace {

using test::make_accepted;

Record every_kind(std::size_t kind) {
    switch (kind) {
        case 0: {
            Accepted accepted = make_accepted(7, 3);
            accepted.envelope.body = protocol::BodyType::EightBitMime;
            accepted.envelope.smtputf8 = true;
            accepted.envelope.dsn_return = protocol::DsnReturn::Headers;
            accepted.envelope.envelope_id = "QQ314159";
            accepted.envelope.declared_size = 1ULL << 40U;
            accepted.envelope.recipients[1].original_recipient = "rfc822;a+40b.example";
            accepted.facts = {1ULL << 35U, 812, true, true, "m@example"};
            accepted.login = "shop";
            accepted.is_bounce = true;
            accepted.external = true;
            return accepted;
        }
        case 1: {
            Attempt attempt = test::make_attempt(9, 4, 12);
            attempt.previous = {3, 4711};
            attempt.at = from_unix_ms(-5);
            return attempt;
        }
        case 2: {
            Outcome outcome = test::make_outcome(9, 65535, RecipientState::Held, true);
            outcome.previous = {1, 64};
            RecipientOutcome other;
            other.uncertain = true;
            other.reply.code = 250;
            other.reply.text = std::string("with a NUL \0 and\nlines", 22);
            outcome.recipients.push_back(other);
            return outcome;
        }
        case 3: {
            Carried carried;
            carried.accepted = make_accepted(11, 2);
            carried.recipients.resize(2);
            carried.recipients[1].state = RecipientState::Delivered;
            carried.recipients[1].reply = protocol::Reply(250, {2, 0, 0}, "ok");
            carried.attempts = 300;
            carried.next_due = from_unix_ms(1);
            return carried;
        }
        case 4: {
            UpstreamState state = test::make_state("gmail", 2);
            state.paused_until = from_unix_ms(99);
            state.reason = "535 5.7.8 wrong password";
            state.limits.push_back({1, 0, {}});
            return state;
        }
        default:
            return Stopped{from_unix_ms(77)};
    }
}

TEST(Record, ReadsBackEveryKindAsWritten) {
    for (std::size_t kind = 0; kind < std::variant_size_v<Record>; ++kind) {
        const Record record = every_kind(kind);
        std::string bytes;
        append_record(bytes, record);
        const auto back = decode_record(type_of(record), bytes);
        ASSERT_TRUE(back) << to_string(type_of(record)) << ": " << back.error().message();
        EXPECT_EQ(*back, record) << to_string(type_of(record));
    }
}

TEST(Record, RefusesEveryCutAndEveryExtraOctet) {
    for (std::size_t kind = 0; kind < std::variant_size_v<Record>; ++kind) {
        const Record record = every_kind(kind);
        std::string bytes;
        append_record(bytes, record);
        for (std::size_t length = 0; length < bytes.size(); ++length) {
            EXPECT_FALSE(decode_record(type_of(record), std::string_view(bytes).substr(0, length)))
                << to_string(type_of(record)) << " cut to " << length;
        }
        EXPECT_FALSE(decode_record(type_of(record), bytes + '\0')) << to_string(type_of(record));
    }
}

TEST(Record, HasOneByteFormOnly) {
    // Whatever decodes encodes to the same octets, also after any one octet was changed.
    for (std::size_t kind = 0; kind < std::variant_size_v<Record>; ++kind) {
        const Record record = every_kind(kind);
        std::string bytes;
        append_record(bytes, record);
        for (std::size_t at = 0; at < bytes.size(); ++at) {
            std::string changed = bytes;
            changed[at] = static_cast<char>(changed[at] ^ 0x41);
            if (const auto back = decode_record(type_of(record), changed)) {
                std::string again;
                append_record(again, *back);
                EXPECT_EQ(again, changed) << to_string(type_of(record)) << " octet " << at;
            }
        }
    }
}

TEST(Record, RefusesACountThatCannotBeTrueBeforeItAllocates) {
    std::string bytes;
    ByteWriter out(bytes);
    out.text("ses");
    for (int i = 0; i < 2; ++i) {
        out.fixed(std::int64_t{0});
    }
    out.varint(0);
    out.text("");
    out.varint(std::numeric_limits<std::uint64_t>::max());
    EXPECT_FALSE(decode_record(RecordType::UpstreamState, bytes));
}

TEST(Record, ShowsItsFrontWithoutDecodingTheRest) {
    std::string bytes;
    append_record(bytes, every_kind(0));
    const auto front = peek_accepted(RecordType::Accepted, bytes);
    ASSERT_TRUE(front);
    EXPECT_EQ(front->id.value, 7U);
    EXPECT_TRUE(front->external);
    EXPECT_EQ(peek_message_id(RecordType::Accepted, bytes), MessageId{7});
    EXPECT_EQ(peek_message_id(RecordType::Stopped, bytes), std::nullopt);
    EXPECT_EQ(peek_accepted(RecordType::Outcome, bytes), std::nullopt);
}

TEST(MessageIdText, IsThirteenDigitsThatSortLikeTheNumber) {
    EXPECT_EQ(to_string(MessageId{0}), "0000000000000");
    EXPECT_EQ(to_string(MessageId{std::numeric_limits<std::uint64_t>::max()}), "fzzzzzzzzzzzz");
    EXPECT_LT(to_string(MessageId{31}), to_string(MessageId{32}));
    for (const std::uint64_t value :
         {std::uint64_t{1}, std::uint64_t{1} << 63U, std::uint64_t{1'782'579'200'000} << 20U}) {
        EXPECT_EQ(parse_message_id(to_string(MessageId{value})), MessageId{value});
    }
}

TEST(MessageIdText, RefusesWhatIsNoId) {
    for (const char* text : {"", "0", "000000000000", "00000000000000", "g000000000000", "000000000000i",
                             "00000000000O0", "0000 00000000", "000000000000A"}) {
        EXPECT_EQ(parse_message_id(text), std::nullopt) << text;
    }
}

TEST(Crc32c, AgreesWithThePublishedValues) {
    // RFC 3720 B.4
    EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
    EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
    EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
}

TEST(Crc32c, IsTheSameByTableByInstructionAndInPieces) {
    std::string bytes;
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(crc32c(bytes), crc32c_by_table(bytes)) << i;
        for (std::size_t cut = 0; cut <= bytes.size(); cut += 7) {
            EXPECT_EQ(crc32c(bytes.substr(cut), crc32c(bytes.substr(0, cut))), crc32c(bytes));
        }
        bytes += static_cast<char>(i * 37);
    }
}

TEST(Frame, SegmentHeaderReadsBackAndShowsEveryFlippedBit) {
    const SegmentHeader header{9, test::kSalt, from_unix_ms(1'700'000'000'000), 8, 4096, MessageId{77}};
    const std::string bytes = encode_segment_header(header);
    ASSERT_EQ(bytes.size(), kSegmentHeaderSize);
    ASSERT_TRUE(decode_segment_header(bytes));
    EXPECT_EQ(*decode_segment_header(bytes), header);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        std::string flipped = bytes;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
        EXPECT_FALSE(decode_segment_header(flipped)) << "bit " << bit;
    }
}

TEST(Frame, VerifiesOnlyAtItsPlaceInItsSegmentOfItsSpool) {
    std::string bytes(kFrameHeaderSize, '\0');
    encode_frame_header(bytes.data(), RecordType::Stopped, "meta", "content", 64,
                        FrameSeed(test::kSalt, 3).at(100));
    EXPECT_TRUE(decode_frame_header(bytes, FrameSeed(test::kSalt, 3).at(100)));
    EXPECT_FALSE(decode_frame_header(bytes, FrameSeed(test::kSalt, 3).at(101)));
    EXPECT_FALSE(decode_frame_header(bytes, FrameSeed(test::kSalt, 4).at(100)));
    EXPECT_FALSE(decode_frame_header(bytes, FrameSeed(test::kSalt + 1, 3).at(100)));
}

TEST(Manifest, ReadsBackAndShowsEveryChange) {
    const Manifest manifest{42, test::kSalt};
    const std::string text = encode_manifest(manifest);
    ASSERT_TRUE(decode_manifest(text));
    EXPECT_EQ(*decode_manifest(text), manifest);
    for (std::size_t at = 0; at < text.size(); ++at) {
        std::string changed = text;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        EXPECT_FALSE(decode_manifest(changed)) << at;
        EXPECT_FALSE(decode_manifest(text.substr(0, at))) << at;
    }
}

TEST(Layout, NamesSegmentsInOneWayOnly) {
    EXPECT_EQ(segment_name(0x2A), "0000002a.log");
    EXPECT_EQ(parse_segment_name("0000002a.log"), 0x2AU);
    for (const char* name :
         {"0000002A.log", "2a.log", "00000000.log", "0000002a.lo", "0000002a.log~", "-000002a.log"}) {
        EXPECT_EQ(parse_segment_name(name), std::nullopt) << name;
    }
}

}  // namespace
}  // namespace posthouse::spool
