// Conversion of a message with 8-bit octets for an upstream without 8BITMIME, in two passes over the content.
//
// The survey walks the MIME structure, decides for every part whether it must be encoded (text as
// quoted-printable, else base64), and learns the exact size of the result, which MAIL FROM announces. The
// converter then applies that plan. Parts that are 7-bit pass unchanged, but for a label "8bit" or "binary",
// which becomes "7bit". Memory: one part's header, and an octet per part.
//
//     SevenBitSurvey survey;      for each chunk: survey.feed(chunk);
//     auto plan = survey.finish();                  // or why it cannot be done
//     SevenBitConverter convert(*plan);  for each chunk: convert.feed(chunk, sink);   convert.finish(sink);
//
// Cannot be converted: octets >= 0x80 in a header (needs SMTPUTF8), inside multipart/signed or encrypted, in
// a part that says it is encoded, in a structure that cannot be read, or deeper than MimeWalk::kMaxDepth. A
// DKIM signature of the sender over the body does not survive; signers are told to sign 7-bit (RFC 6376 5.3).
// Octets >= 0x80 in a multipart's preamble or epilogue, which nobody shows, become DEL.
// RFC 6152 3, RFC 2045 6, RFC 1428 (unknown-8bit). Not thread-safe.
#pragma once

#include "protocol/byte_sink.h"
#include "protocol/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::protocol {

enum class PartConversion : std::uint8_t {
    Keep,
    QuotedPrintable,
    QuotedPrintableUtf8,     // and the part has no Content-Type: it gets text/plain; charset=utf-8
    QuotedPrintableUnknown,  // likewise, but the text is not UTF-8: charset=unknown-8bit
    Base64,
};

struct SevenBitPlan {
    std::vector<PartConversion> parts;  // leaves in the order of the message
    std::uint64_t size = 0;             // of the converted message
};

class SevenBitSurvey {
  public:
    static constexpr std::size_t kMaxParts = 10000;

    SevenBitSurvey();
    ~SevenBitSurvey();
    SevenBitSurvey(SevenBitSurvey&&) noexcept;
    SevenBitSurvey& operator=(SevenBitSurvey&&) noexcept;
    SevenBitSurvey(const SevenBitSurvey&) = delete;
    SevenBitSurvey& operator=(const SevenBitSurvey&) = delete;

    void feed(std::string_view bytes);
    [[nodiscard]] Result<SevenBitPlan> finish();  // once

  private:
    struct Walk;
    std::unique_ptr<Walk> walk_;
};

class SevenBitConverter {
  public:
    explicit SevenBitConverter(SevenBitPlan plan);
    ~SevenBitConverter();
    SevenBitConverter(SevenBitConverter&&) noexcept;
    SevenBitConverter& operator=(SevenBitConverter&&) noexcept;
    SevenBitConverter(const SevenBitConverter&) = delete;
    SevenBitConverter& operator=(const SevenBitConverter&) = delete;

    void feed(std::string_view bytes, ByteSink out);
    // False if the content was not the one that was surveyed: what was put out must not be sent as complete.
    [[nodiscard]] bool finish(ByteSink out);

  private:
    struct Walk;
    std::unique_ptr<Walk> walk_;
};

}  // namespace posthouse::protocol
