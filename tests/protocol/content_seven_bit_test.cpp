#include "protocol/seven_bit.h"
#include "tests/protocol/splits.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace posthouse::protocol {
namespace {

Result<SevenBitPlan> survey(const testing::Pieces& pieces) {
    SevenBitSurvey walk;
    for (const std::string_view piece : pieces)
        walk.feed(piece);
    return walk.finish();
}

// The converted message, or "!" and why not.
std::string convert(const testing::Pieces& pieces) {
    const Result<SevenBitPlan> plan = survey(pieces);
    if (!plan) return "!" + plan.error().message();
    std::string out;
    const auto sink = [&](std::string_view bytes) { out += bytes; };
    SevenBitConverter converter(*plan);
    for (const std::string_view piece : pieces)
        converter.feed(piece, sink);
    EXPECT_TRUE(converter.finish(sink));
    EXPECT_EQ(out.size(), plan->size);
    return out;
}

struct Case {
    const char* name;
    std::string_view content;
    std::string_view converted;
};

class SevenBit : public ::testing::TestWithParam<Case> {};

TEST_P(SevenBit, ConvertsWhateverTheSplit) {
    for (const testing::Pieces& pieces : testing::all_splits(GetParam().content)) {
        ASSERT_EQ(convert(pieces), GetParam().converted);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Contents, SevenBit,
    ::testing::Values(
        Case{"LeavesSevenBitAlone", "Subject: s\r\n\r\nplain\r\n", "Subject: s\r\n\r\nplain\r\n"},
        Case{"EncodesText",
             "MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\nContent-Type: text/plain; "
             "charset=utf-8\r\n\r\n"
             "\xC3\xA4 = a\r\n",
             "MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n"
             "Content-Type: text/plain; charset=utf-8\r\n\r\n=C3=A4 =3D a\r\n"},
        Case{"LabelsUnlabelledUtf8", "Subject: s\r\n\r\n\xC3\xA4",
             "Subject: s\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
             "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4"},
        Case{"LabelsUnknownText", "Subject: s\r\n\r\n\xE4\r\n",
             "Subject: s\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
             "Content-Transfer-Encoding: quoted-printable\r\n\r\n=E4\r\n"},
        Case{"EncodesDataAsBase64", "Content-Type: image/png\r\nMIME-Version: 1.0\r\n\r\n\xFF\xFE\r\n",
             "Content-Type: image/png\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: "
             "base64\r\n\r\n//4NCg==\r\n"},
        Case{"RelabelsEightBitWithoutNeed", "Content-Transfer-Encoding: binary\r\n\r\nplain\r\n",
             "Content-Transfer-Encoding: 7bit\r\n\r\nplain\r\n"},
        Case{"ReplacesEveryLabel",
             "Content-Transfer-Encoding: 8bit\r\nX: y\r\nContent-Transfer-Encoding: 8bit\r\n"
             "Content-Type: text/x\r\nMIME-Version: 1.0\r\n\r\n\xE4",
             "Content-Transfer-Encoding: quoted-printable\r\nX: y\r\nContent-Type: text/x\r\nMIME-Version: "
             "1.0\r\n\r\n"
             "=E4"},
        Case{"WalksMultiparts",
             "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; "
             "boundary=\"b\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
             "pre\xE4mble\r\n--b\r\n\r\n\xC3\xA4\r\n--b \r\nContent-Type: "
             "application/x\r\n\r\n\xC3\xA4\r\n\r\n--b\r\n"
             "Content-Type: text/html\r\n\r\nplain\r\n--bb\r\n--b--\r\nepi\xE4logue\r\n--b\r\n",
             "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; "
             "boundary=\"b\"\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
             "pre\x7F"
             "mble\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
             "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4\r\n--b \r\n"
             "Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\nw6QNCg==\r\n--b\r\n"
             "Content-Type: text/html\r\n\r\nplain\r\n--bb\r\n--b--\r\nepi\x7Flogue\r\n--b\r\n"},
        Case{"WalksNestedMultiparts",
             "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/alternative; "
             "boundary=ab\r\n"
             "\r\n--ab\r\nContent-Type: text/x\r\n\r\n\xE4\r\n--a\r\nContent-Type: "
             "text/x\r\n\r\n\xE5\r\n--a--",
             "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/alternative; "
             "boundary=ab\r\n"
             "\r\n--ab\r\nContent-Type: text/x\r\nContent-Transfer-Encoding: "
             "quoted-printable\r\n\r\n=E4\r\n--a\r\n"
             "Content-Type: text/x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=E5\r\n--a--"},
        Case{
            "EntersMessages",
            "Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\nSubject: "
            "s\r\n\r\n\xC3\xA4\r\n--d--\r\n",
            "Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\nSubject: s\r\nMIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
            "=C3=A4\r\n--d--\r\n"},
        Case{"LeavesSignedPartsAlone",
             "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/signed; "
             "boundary=s\r\n\r\n"
             "--s\r\nContent-Transfer-Encoding: 8bit\r\n\r\nplain\r\n--s--\r\n--a\r\nContent-Type: "
             "text/x\r\n\r\n\xE4\r\n"
             "--a--\r\n",
             "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/signed; "
             "boundary=s\r\n\r\n"
             "--s\r\nContent-Transfer-Encoding: 8bit\r\n\r\nplain\r\n--s--\r\n--a\r\nContent-Type: text/x\r\n"
             "Content-Transfer-Encoding: quoted-printable\r\n\r\n=E4\r\n--a--\r\n"},
        Case{"SeparatesABodyWithoutEmptyLine",
             "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nno header \xC3\xA4\r\n--a--\r\n",
             "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: text/plain; "
             "charset=utf-8\r\n"
             "Content-Transfer-Encoding: quoted-printable\r\n\r\nno header =C3=A4\r\n--a--\r\n"},
        Case{"SeparatesAMessageWithoutEmptyLine",
             "Content-Type: multipart/digest; boundary=a\r\n\r\n--a\r\nno header \xC3\xA4\r\n--a--\r\n",
             "Content-Type: multipart/digest; boundary=a\r\n\r\n--a\r\n\r\nMIME-Version: 1.0\r\n"
             "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
             "no header =C3=A4\r\n--a--\r\n"},
        Case{"EndsAPartInItsHeader",
             "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: "
             "message/rfc822\r\n--a\r\n--a--\r\n",
             "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: "
             "message/rfc822\r\n--a\r\n--a--\r\n"}),
    [](const auto& instance) { return instance.param.name; });

struct Refusal {
    const char* name;
    std::string_view content;
    std::string_view why;
};

class SevenBitRefusal : public ::testing::TestWithParam<Refusal> {};

TEST_P(SevenBitRefusal, SaysWhyWhateverTheSplit) {
    for (const testing::Pieces& pieces : testing::all_splits(GetParam().content)) {
        const std::string said = convert(pieces);
        ASSERT_TRUE(said.starts_with('!')) << said;
        EXPECT_NE(said.find(GetParam().why), std::string::npos) << said;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Contents, SevenBitRefusal,
    ::testing::Values(
        Refusal{"Header", "Subject: \xC3\xA4\r\n\r\n", "SMTPUTF8"},
        Refusal{"Signed", "Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\n\xE4\r\n--s--\r\n",
                "signed"},
        Refusal{"Encoded", "Content-Transfer-Encoding: base64\r\n\r\n\xE4\r\n", "encoded already"},
        Refusal{"NoBoundary", "Content-Type: multipart/mixed\r\n\r\n\xE4\r\n", "structure"},
        Refusal{"Partial", "Content-Type: message/partial\r\n\r\n\xE4\r\n", "7-bit by its type"},
        Refusal{"NestedHeader", "Content-Type: message/rfc822\r\n\r\nSubject: \xC3\xA4\r\n\r\n", "SMTPUTF8"}),
    [](const auto& instance) { return instance.param.name; });

TEST(SevenBit, BoundsTheDepthThatItEnters) {
    const auto nested = [](std::size_t levels) {
        std::string content;
        for (std::size_t i = 0; i < levels; ++i)
            content += "Content-Type: message/rfc822\r\n\r\n";
        return content + "Subject: s\r\n\r\n\xC3\xA4\r\n";
    };
    EXPECT_FALSE(convert({nested(20)}).starts_with('!'));
    EXPECT_TRUE(convert({nested(100)}).starts_with('!'));
}

TEST(SevenBit, BoundsTheNumberOfParts) {
    std::string content = "Content-Type: multipart/mixed; boundary=a\r\n\r\n";
    for (std::size_t i = 0; i <= SevenBitSurvey::kMaxParts; ++i)
        content += "--a\r\n\r\nx\r\n";
    const Result<SevenBitPlan> plan = survey({content});
    ASSERT_FALSE(plan);
    EXPECT_NE(plan.error().message().find("too many parts"), std::string::npos);
}

TEST(SevenBit, BoundsTheHeaderThatItHolds) {
    const std::string content = "X: " + std::string(2U << 20U, 'x') + "\r\n\r\n";
    const Result<SevenBitPlan> plan = survey({content});
    ASSERT_FALSE(plan);
    EXPECT_NE(plan.error().message().find("too long"), std::string::npos);
}

TEST(SevenBitConverter, NoticesThatTheContentIsNotTheSurveyedOne) {
    const Result<SevenBitPlan> plan = survey({"A: b\r\n\r\nplain\r\n"});
    ASSERT_TRUE(plan);
    std::string out;
    const auto sink = [&](std::string_view bytes) { out += bytes; };
    for (const std::string_view other :
         {"A: b\r\n\r\npl\xE4in\r\n", "A: b\r\n\r\nlonger text\r\n", "A: \xE4\r\n\r\nx"}) {
        out.clear();
        SevenBitConverter converter(*plan);
        converter.feed(other, sink);
        EXPECT_FALSE(converter.finish(sink));
        EXPECT_EQ(out.find('\xE4'), std::string::npos);
    }
}

}  // namespace
}  // namespace posthouse::protocol
