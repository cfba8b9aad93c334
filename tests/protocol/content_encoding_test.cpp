#include "protocol/base64.h"
#include "protocol/content_type.h"
#include "protocol/quoted_printable.h"
#include "tests/protocol/splits.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace posthouse::protocol {
namespace {

TEST(ContentType, ReadsTypeAndBoundary) {
    struct Case {
        std::string_view value, type, subtype, boundary;
    };
    for (const Case& c : {
             Case{"text/plain", "text", "plain", ""},
             Case{" Text / HTML ; charset=\"utf-8\"", "text", "html", ""},
             Case{"multipart/mixed; boundary=abc", "multipart", "mixed", "abc"},
             Case{"multipart/mixed; charset=\"a;boundary=no\"; BOUNDARY=\"a \\\"b\"", "multipart", "mixed",
                  "a \"b"},
             Case{"multipart/mixed (a (nested) comment); (x) boundary (y) = (z) \"b=1\"", "multipart",
                  "mixed", "b=1"},
             Case{"multipart/mixed; boundary=a; boundary=b", "multipart", "mixed", "a"},
             Case{"multipart/mixed; =x; boundary=a", "multipart", "mixed", "a"},
         }) {
        const auto found = parse_content_type(c.value);
        ASSERT_TRUE(found) << c.value;
        EXPECT_EQ(found->type, c.type);
        EXPECT_EQ(found->subtype, c.subtype);
        EXPECT_EQ(found->boundary, c.boundary) << c.value;
    }
}

TEST(ContentType, RefusesWhatIsNoType) {
    for (const std::string_view value : {"", "text", "/plain", "text/", "(text/plain", "\"text\"/plain"}) {
        EXPECT_FALSE(parse_content_type(value)) << value;
    }
}

TEST(TransferEncoding, ReadsTheFirstToken) {
    EXPECT_EQ(parse_transfer_encoding(""), "7bit");
    EXPECT_EQ(parse_transfer_encoding("8BIT"), "8bit");
    EXPECT_EQ(parse_transfer_encoding("(c) Base64 ; x=y"), "base64");
}

TEST(QuotedPrintable, EncodesWhateverTheSplit) {
    struct Case {
        const char* name;
        std::string text, encoded;
    };
    const Case cases[]{
        {"Plain", "abc\r\n", "abc\r\n"},
        {"EightBit", "\xC3\xA4=\r\n", "=C3=A4=3D\r\n"},
        {"WhiteAtLineEnd", "a \r\nb\t\r\n \r\n", "a=20\r\nb=09\r\n=20\r\n"},
        {"WhiteInside", "a  b\tc", "a  b\tc"},
        {"WhiteAtTheEnd", "a  ", "a =20"},
        {"BareNewlines", "a\rb\nc\r\r\n", "a=0Db=0Ac=0D\r\n"},
        {"CrAtTheEnd", "a \r", "a =0D"},
        {"LongLine", std::string(76, 'x'), std::string(75, 'x') + "=\r\nx"},
        {"DashBehindSoftBreak", std::string(75, 'x') + "--b", std::string(75, 'x') + "=\r\n=2D-b"},
        {"DashAtLineStart", "-- \r\n--b", "--=20\r\n--b"},
    };
    for (const Case& c : cases) {
        for (const testing::Pieces& pieces : testing::all_splits(c.text)) {
            std::string out;
            QuotedPrintableEncoder encoder;
            for (const std::string_view piece : pieces)
                encoder.feed(piece, out);
            encoder.finish(out);
            EXPECT_EQ(out, c.encoded) << c.name;
        }
    }
}

TEST(Base64LineEncoder, WrapsWhateverTheSplit) {
    for (const std::size_t size : {0U, 1U, 56U, 57U, 58U, 114U, 200U}) {
        std::string text;
        for (std::size_t i = 0; i < size; ++i)
            text += static_cast<char>(i * 7);
        for (const testing::Pieces& pieces : testing::all_splits(text)) {
            std::string out;
            Base64LineEncoder encoder;
            for (const std::string_view piece : pieces)
                encoder.feed(piece, out);
            encoder.finish(out);
            std::string joined;
            for (std::size_t at = 0; at < out.size(); at += 78) {
                joined += out.substr(at, 76);
                if (at + 76 < out.size()) {
                    EXPECT_EQ(out.substr(at + 76, 2), "\r\n");
                }
            }
            EXPECT_EQ(joined, base64_encode(text));
        }
    }
}

}  // namespace
}  // namespace posthouse::protocol
