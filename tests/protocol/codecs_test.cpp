#include "protocol/base64.h"
#include "protocol/octet_scan.h"
#include "protocol/utf8.h"
#include "protocol/xtext.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

namespace posthouse::protocol {
namespace {

using namespace std::string_view_literals;

TEST(Base64, EncodesTheVectorsOfRfc4648) {
    const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                     {"f", "Zg=="},
                                                                     {"fo", "Zm8="},
                                                                     {"foo", "Zm9v"},
                                                                     {"foob", "Zm9vYg=="},
                                                                     {"fooba", "Zm9vYmE="},
                                                                     {"foobar", "Zm9vYmFy"},
                                                                     {"\xff\xfe\xfd\0"sv, "//79AA=="}};
    for (const auto& [octets, text] : vectors) {
        EXPECT_EQ(base64_encode(octets), text);
        EXPECT_EQ(base64_decode(text), octets);
    }
}

TEST(Base64, RefusesWhatIsNotStrict) {
    for (const std::string_view text :
         {"Z"sv, "Zg"sv, "Zg="sv, "Zg==="sv, "===="sv, "Zh=="sv, "Zm9="sv, "Zm9v\r\n"sv, " Zm9v"sv, "Zm 9"sv,
          "Zg==Zg=="sv, "Z=g="sv, "Zm9*"sv, "Zm9-"sv, "Zm\0v"sv, "="sv, "\xc3\xa9=="sv}) {
        EXPECT_FALSE(base64_decode(text)) << ::testing::PrintToString(text);
    }
}

TEST(Base64, GivesBackEveryOctet) {
    std::string octets;
    for (int i = 0; i < 256; ++i) {
        octets += static_cast<char>(i);
        EXPECT_EQ(base64_decode(base64_encode(octets)), octets);
    }
}

TEST(Xtext, EncodesWhatIsNotPlain) {
    EXPECT_EQ(xtext_encode("user+tag=x y\r\n\xc3\xa9"), "user+2Btag+3Dx+20y+0D+0A+C3+A9");
}

TEST(Xtext, RefusesBrokenHex) {
    for (const std::string_view text :
         {"+"sv, "+2"sv, "a+2b"sv, "+ZZ"sv, "a=b"sv, "a b"sv, "a\r\n"sv, "+-1"sv, "\xc3\xa9"sv}) {
        EXPECT_FALSE(xtext_decode(text)) << ::testing::PrintToString(text);
    }
}

TEST(Xtext, GivesBackEveryOctet) {
    std::string octets;
    for (int i = 0; i < 256; ++i)
        octets += static_cast<char>(i);
    const std::string encoded = xtext_encode(octets);
    EXPECT_EQ(xtext_decode(encoded), octets);
    EXPECT_TRUE(is_ascii(encoded));
    EXPECT_FALSE(has_control_characters(encoded));
}

TEST(Utf8, TakesTheEndsOfEveryRange) {
    for (const std::string_view text :
         {"\0"sv, "\x7f"sv, "\xc2\x80"sv, "\xdf\xbf"sv, "\xe0\xa0\x80"sv, "\xed\x9f\xbf"sv, "\xee\x80\x80"sv,
          "\xef\xbf\xbf"sv, "\xf0\x90\x80\x80"sv, "\xf4\x8f\xbf\xbf"sv}) {
        EXPECT_EQ(utf8_sequence_length(text), text.size());
        EXPECT_TRUE(is_valid_utf8(text));
    }
}

TEST(Utf8, RefusesOverlongFormsSurrogatesAndFragments) {
    for (const std::string_view text :
         {"\x80"sv, "\xbf"sv, "\xc0\x80"sv, "\xc1\xbf"sv, "\xc2"sv, "\xc2\x41"sv, "\xe0\x9f\xbf"sv,
          "\xe2\x82"sv, "\xed\xa0\x80"sv, "\xed\xbf\xbf"sv, "\xf0\x8f\xbf\xbf"sv, "\xf0\x9f\x92"sv,
          "\xf4\x90\x80\x80"sv, "\xf5\x80\x80\x80"sv, "\xff"sv}) {
        EXPECT_EQ(utf8_sequence_length(text), 0U) << ::testing::PrintToString(text);
        EXPECT_FALSE(is_valid_utf8(text));
        EXPECT_FALSE(is_ascii(text));
    }
}

TEST(Utf8, FindsControlsOfBothSets) {
    for (const std::string_view text :
         {"\0"sv, "a\n"sv, "\x1b[2J"sv, "\x7f"sv, "\xc2\x80"sv, "x\xc2\x9f"sv}) {
        EXPECT_TRUE(has_control_characters(text)) << ::testing::PrintToString(text);
    }
    for (const std::string_view text :
         {""sv, "plain ~"sv, "\xc2\xa0"sv, "\xc4\x8d\xc4\x8a"sv, "\xe2\x82\xac"sv}) {
        EXPECT_FALSE(has_control_characters(text)) << ::testing::PrintToString(text);
    }
}

TEST(OctetScan, FindsTheFirstCrOrLfAtEveryPlace) {
    for (std::size_t size = 0; size < 40; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            for (const char newline : {'\r', '\n'}) {
                // Neighbours that differ in one bit, and octets with the high bit, must not be mistaken.
                for (const char filler : {'a', '\x0b', '\x0c', '\x8d', '\x8a', '\xff', '\0'}) {
                    std::string text(size, filler);
                    text[at] = newline;
                    if (at + 1 < size) text[size - 1] = '\n';
                    EXPECT_EQ(find_cr_or_lf(text, 0), at);
                    EXPECT_EQ(find_cr_or_lf(text, at), at);
                }
            }
        }
        EXPECT_EQ(find_cr_or_lf(std::string(size, 'x'), 0), size);
    }
}

}  // namespace
}  // namespace posthouse::protocol
