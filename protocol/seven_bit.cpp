#include "protocol/seven_bit.h"

#include "protocol/mime_walk.h"
#include "protocol/quoted_printable.h"
#include "protocol/utf8.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace posthouse::protocol {

namespace {

constexpr std::size_t kConversions = 5;
// DEL: any printable character could turn a line of a preamble into a boundary.
constexpr char kSubstitute = '\x7F';
constexpr std::size_t kOutputPiece = 16U << 10U;

constexpr bool is_leaf(PartKind kind) {
    return kind != PartKind::Multipart && kind != PartKind::Message;
}

constexpr bool is_quoted_printable(PartConversion conversion) {
    return conversion == PartConversion::QuotedPrintable ||
           conversion == PartConversion::QuotedPrintableUtf8 ||
           conversion == PartConversion::QuotedPrintableUnknown;
}

// The Content-Transfer-Encoding that the part gets; empty: it keeps its own.
std::string_view new_encoding(const MimePart& part, PartConversion conversion) {
    if (is_quoted_printable(conversion)) return "quoted-printable";
    if (conversion == PartConversion::Base64) return "base64";
    const std::string old = parse_transfer_encoding(part.scan.value(HeaderField::ContentTransferEncoding));
    return old == "8bit" || old == "binary" ? "7bit" : "";
}

// Appends the header of the part with its labels set right, and new fields where the part is encoded.
void append_fields(std::string& out, const MimePart& part, PartConversion conversion) {
    const std::string_view encoding = new_encoding(part, conversion);
    if (encoding.empty()) {
        out += part.header;
        return;
    }
    const std::string field = "Content-Transfer-Encoding: " + std::string(encoding) + "\r\n";

    std::string_view rest = part.header;
    std::uint64_t at = 0;
    for (const HeaderRange& range : part.scan.ranges()) {
        out += rest.substr(0, static_cast<std::size_t>(range.offset - at));
        if (at == 0) out += field;
        rest.remove_prefix(static_cast<std::size_t>(range.offset + range.size - at));
        at = range.offset + range.size;
    }
    if (conversion == PartConversion::Keep) {
        out += rest;
        return;
    }
    const bool separated = part.header == "\r\n" || part.header.ends_with("\r\n\r\n");
    if (separated) rest.remove_suffix(2);
    out += rest;
    if ((part.top || part.nested_message) && !part.scan.has(HeaderField::MimeVersion)) {
        out += "MIME-Version: 1.0\r\n";
    }
    if (conversion == PartConversion::QuotedPrintableUtf8)
        out += "Content-Type: text/plain; charset=utf-8\r\n";
    if (conversion == PartConversion::QuotedPrintableUnknown) {
        out += "Content-Type: text/plain; charset=unknown-8bit\r\n";
    }
    if (at == 0) out += field;
    out += "\r\n";
}

void append_header(std::string& out, const MimePart& part, PartConversion conversion) {
    append_fields(out, part, conversion);
    // Else fields that the message inside gets would be taken for those of the part.
    if (part.kind == PartKind::Message && part.scan.broken_off()) out += "\r\n";
}

// Is a text that comes in pieces UTF-8?
class Utf8Check {
  public:
    void feed(std::string_view bytes) {
        if (!valid_) return;
        held_ += bytes;
        std::string_view text = held_;
        while (!text.empty()) {
            const std::size_t length = utf8_sequence_length(text);
            if (length == 0) {
                valid_ = text.size() < 4;  // shorter: it may be cut
                break;
            }
            text.remove_prefix(length);
        }
        held_.erase(0, held_.size() - text.size());
    }

    [[nodiscard]] bool valid() const { return valid_ && held_.empty(); }

  private:
    std::string held_;
    bool valid_ = true;
};

// RFC 2045 6.8: 76 characters for 57 octets, lines joined by CRLF.
std::uint64_t base64_size(std::uint64_t octets) {
    const std::uint64_t lines = (octets + 56) / 57;
    return (octets + 2) / 3 * 4 + (lines > 0 ? (lines - 1) * 2 : 0);
}

std::string_view opaque_reason(OpaqueReason reason) {
    switch (reason) {
        case OpaqueReason::None:
            break;
        case OpaqueReason::Signed:
            return "they stand in a signed or encrypted part, which a conversion would break";
        case OpaqueReason::Encoded:
            return "they stand in a part that is labelled as encoded already";
        case OpaqueReason::Malformed:
            return "they stand in a multipart whose structure cannot be read";
        case OpaqueReason::Fixed:
            return "they stand in a message part that must be 7-bit by its type";
        case OpaqueReason::TooDeep:
            return "they stand in parts nested too deeply";
    }
    return "they stand in a part that cannot be read";
}

}  // namespace

// --- the survey ---

struct SevenBitSurvey::Walk final : MimeVisitor {
    MimeWalk mime{*this};
    SevenBitPlan plan;
    std::string problem;

    // The leaf that is open.
    PartKind kind = PartKind::Text;
    OpaqueReason opaque = OpaqueReason::None;
    bool typed = false;
    bool eight_bit = false;
    std::uint64_t octets = 0;
    std::uint64_t quoted_size = 0;
    std::array<std::uint64_t, kConversions> header_sizes{};
    QuotedPrintableEncoder quoted;
    Utf8Check utf8;
    std::string scratch;

    void refuse(std::string_view why) {
        if (problem.empty()) problem = why;
    }

    [[nodiscard]] std::uint64_t header_size(const MimePart& part, PartConversion conversion) {
        scratch.clear();
        append_header(scratch, part, conversion);
        return scratch.size();
    }

    void on_part(const MimePart& part) override {
        if (part.scan.eight_bit_header())
            refuse("they stand in a header field, which only SMTPUTF8 can carry");
        if (part.scan.too_many_ranges()) refuse("a part has too many Content-Transfer-Encoding fields");
        if (!is_leaf(part.kind)) {
            plan.size += header_size(part, PartConversion::Keep);
            return;
        }
        if (plan.parts.size() == kMaxParts) refuse("the message has too many parts");
        kind = part.kind;
        opaque = part.opaque;
        typed = part.scan.has(HeaderField::ContentType);
        eight_bit = false;
        octets = quoted_size = 0;
        quoted = {};
        utf8 = {};
        for (std::size_t i = 0; i < kConversions; ++i) {
            header_sizes[i] = header_size(part, static_cast<PartConversion>(i));
        }
    }

    void on_body(std::string_view bytes) override {
        octets += bytes.size();
        if (!eight_bit && !is_ascii(bytes)) {
            eight_bit = true;
            if (kind == PartKind::Opaque) refuse(opaque_reason(opaque));
        }
        if (kind != PartKind::Text) return;
        scratch.clear();
        quoted.feed(bytes, scratch);
        quoted_size += scratch.size();
        if (!typed) utf8.feed(bytes);
    }

    void on_part_end(bool at_end_of_content) override {
        const PartConversion conversion = decide();
        if (plan.parts.size() < kMaxParts) plan.parts.push_back(conversion);
        plan.size += header_sizes[static_cast<std::size_t>(conversion)];
        if (conversion == PartConversion::Keep) {
            plan.size += octets;
        } else if (conversion == PartConversion::Base64) {
            plan.size += base64_size(octets) + (at_end_of_content ? 2 : 0);
        } else {
            scratch.clear();
            quoted.finish(scratch);
            plan.size += quoted_size + scratch.size();
        }
    }

    [[nodiscard]] PartConversion decide() const {
        if (!eight_bit || kind == PartKind::Opaque) return PartConversion::Keep;
        if (kind == PartKind::Data) return PartConversion::Base64;
        if (typed) return PartConversion::QuotedPrintable;
        return utf8.valid() ? PartConversion::QuotedPrintableUtf8 : PartConversion::QuotedPrintableUnknown;
    }

    void on_filler(std::string_view bytes) override { plan.size += bytes.size(); }
    void on_boundary(std::string_view bytes) override { plan.size += bytes.size(); }
};

SevenBitSurvey::SevenBitSurvey() : walk_(std::make_unique<Walk>()) {}
SevenBitSurvey::~SevenBitSurvey() = default;
SevenBitSurvey::SevenBitSurvey(SevenBitSurvey&&) noexcept = default;
SevenBitSurvey& SevenBitSurvey::operator=(SevenBitSurvey&&) noexcept = default;

void SevenBitSurvey::feed(std::string_view bytes) {
    if (walk_->problem.empty()) walk_->mime.feed(bytes);
}

Result<SevenBitPlan> SevenBitSurvey::finish() {
    if (walk_->problem.empty()) walk_->mime.finish();
    if (walk_->mime.header_too_long()) walk_->refuse("the header of a part is too long");
    if (!walk_->problem.empty()) {
        return fail("The message has octets above 127 and cannot be converted to 7-bit: " + walk_->problem +
                    "; send it 7-bit, or relay it through a server that offers 8BITMIME and SMTPUTF8");
    }
    return std::move(walk_->plan);
}

// --- the converter ---

struct SevenBitConverter::Walk final : MimeVisitor {
    explicit Walk(SevenBitPlan surveyed) : plan(std::move(surveyed)) {}

    MimeWalk mime{*this};
    SevenBitPlan plan;
    std::size_t next_part = 0;
    bool mismatch = false;
    std::uint64_t size = 0;
    const ByteSink* sink = nullptr;
    std::string output;

    PartConversion conversion = PartConversion::Keep;
    QuotedPrintableEncoder quoted;
    Base64LineEncoder base64;

    void flush() {
        size += output.size();
        (*sink)(output);
        output.clear();
    }

    void on_part(const MimePart& part) override {
        conversion = PartConversion::Keep;
        if (is_leaf(part.kind)) {
            if (next_part < plan.parts.size()) {
                conversion = plan.parts[next_part];
            } else {
                mismatch = true;
            }
            ++next_part;
        }
        if (part.scan.eight_bit_header()) {
            mismatch = true;
            return;
        }
        quoted = {};
        base64 = {};
        append_header(output, part, conversion);
    }

    void on_body(std::string_view bytes) override {
        if (is_quoted_printable(conversion)) {
            quoted.feed(bytes, output);
        } else if (conversion == PartConversion::Base64) {
            base64.feed(bytes, output);
        } else if (is_ascii(bytes)) {
            output += bytes;
        } else {
            mismatch = true;
        }
        if (output.size() >= kOutputPiece) flush();
    }

    void on_part_end(bool at_end_of_content) override {
        if (is_quoted_printable(conversion)) {
            quoted.finish(output);
        } else if (conversion == PartConversion::Base64) {
            base64.finish(output);
            if (at_end_of_content) output += "\r\n";
        }
    }

    void on_filler(std::string_view bytes) override {
        for (const char c : bytes)
            output += static_cast<unsigned char>(c) < 0x80 ? c : kSubstitute;
        if (output.size() >= kOutputPiece) flush();
    }

    void on_boundary(std::string_view bytes) override { output += bytes; }
};

SevenBitConverter::SevenBitConverter(SevenBitPlan plan) : walk_(std::make_unique<Walk>(std::move(plan))) {}
SevenBitConverter::~SevenBitConverter() = default;
SevenBitConverter::SevenBitConverter(SevenBitConverter&&) noexcept = default;
SevenBitConverter& SevenBitConverter::operator=(SevenBitConverter&&) noexcept = default;

void SevenBitConverter::feed(std::string_view bytes, ByteSink out) {
    walk_->sink = &out;
    walk_->mime.feed(bytes);
    walk_->flush();
}

bool SevenBitConverter::finish(ByteSink out) {
    walk_->sink = &out;
    walk_->mime.finish();
    walk_->flush();
    return !walk_->mismatch && !walk_->mime.header_too_long() &&
           walk_->next_part == walk_->plan.parts.size() && walk_->size == walk_->plan.size;
}

}  // namespace posthouse::protocol
