// HeaderScan: reads the header of a message while it streams past, and looks for 8-bit octets in the body.
//
// Fed any split; the results depend on the octets only. Memory is bounded: the values of a few fields are
// kept (first occurrence, cut at kMaxValue), everything else is counters and positions. Only CRLF ends a
// line.
//
// The header ends behind the first empty line, at the end of content, or in front of the first line that is
// neither a field nor a continuation of one (broken_off()): every reader downstream stops there too, or
// should.
//
// RFC 5322 2.2 (fields, folding), 4.5 (white space before the colon is obsolete but read). Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::protocol {

enum class HeaderField : std::uint8_t {
    Bcc,
    ContentTransferEncoding,
    ContentType,
    Date,
    From,
    MessageId,
    MimeVersion,
    Received,
    ResentBcc,
    Sender,
    Subject,
    To,
};
inline constexpr std::size_t kHeaderFields = 12;

// A stretch of the content, from its first octet.
struct HeaderRange {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    friend bool operator==(const HeaderRange&, const HeaderRange&) = default;
};

class HeaderScan {
  public:
    static constexpr std::size_t kMaxValue = 2048;
    static constexpr std::size_t kMaxRanges = 256;
    static constexpr std::size_t kMaxName = 998;  // a longer line without a colon is no field

    // `located`: the fields whose positions ranges() shall give.
    HeaderScan(std::initializer_list<HeaderField> located = {HeaderField::Bcc, HeaderField::ResentBcc});

    void feed(std::string_view bytes);
    void finish();  // no more content

    [[nodiscard]] bool header_complete() const { return state_ == State::Body; }
    // Octets of the header with its empty line. Until it is complete: what is certain to belong to it.
    [[nodiscard]] std::uint64_t header_size() const;
    // The header ended without an empty line, at a line that is no field. That line begins the body.
    [[nodiscard]] bool broken_off() const { return broken_off_; }

    [[nodiscard]] std::uint64_t size() const { return size_; }  // of everything fed
    [[nodiscard]] bool eight_bit_header() const { return eight_bit_header_; }
    [[nodiscard]] bool eight_bit_body() const { return eight_bit_body_; }

    [[nodiscard]] std::uint32_t count(HeaderField field) const { return slot(field).count; }
    [[nodiscard]] bool has(HeaderField field) const { return slot(field).count > 0; }
    // Unfolded (CRLF taken out), trimmed, cut at kMaxValue. Empty for Received, Bcc and Resent-Bcc, which are
    // not kept. Valid until the next feed().
    [[nodiscard]] std::string_view value(HeaderField field) const;

    // Where the fields asked for stand, each from its name to the end of its last line; in order, neighbours
    // joined, complete once the header is. Not more than kMaxRanges: then too_many_ranges().
    [[nodiscard]] const std::vector<HeaderRange>& ranges() const { return ranges_; }
    [[nodiscard]] bool too_many_ranges() const { return too_many_ranges_; }

  private:
    // LineStartCr: a CR at a line start; an LF makes it the empty line. NameTrail: white space behind a name.
    enum class State : std::uint8_t { LineStart, LineStartCr, Name, NameTrail, Value, Body };
    static constexpr std::uint8_t kNoField = kHeaderFields;
    static constexpr std::size_t kLongestName = 25;  // Content-Transfer-Encoding

    struct Slot {
        std::uint32_t count = 0;
        std::uint32_t begin = 0;  // of the value in values_
        std::uint32_t size = 0;
    };

    [[nodiscard]] const Slot& slot(HeaderField field) const {
        return slots_[static_cast<std::size_t>(field)];
    }
    [[nodiscard]] const char* scan_name(const char* at, const char* end, const char* begin);
    [[nodiscard]] const char* scan_value(const char* at, const char* end);
    void begin_field();
    void end_field(std::uint64_t at);
    void end_header(std::uint64_t at, bool broken_off);
    void keep(std::string_view piece);

    State state_ = State::LineStart;
    bool in_field_ = false;
    bool after_cr_ = false;  // the last octet of the value so far is CR
    bool keeping_ = false;   // the value of the field goes to values_
    bool broken_off_ = false;
    bool eight_bit_header_ = false;
    bool eight_bit_body_ = false;
    bool too_many_ranges_ = false;
    std::uint8_t field_ = kNoField;
    std::uint8_t name_size_ = 0;  // saturates above kLongestName
    std::uint16_t located_ = 0;   // a bit per HeaderField
    std::array<char, kLongestName> name_{};
    std::uint64_t size_ = 0;
    std::uint64_t header_size_ = 0;
    std::uint64_t line_start_ = 0;
    std::uint64_t field_start_ = 0;
    std::array<Slot, kHeaderFields> slots_{};
    std::string values_;
    std::vector<HeaderRange> ranges_;
};

}  // namespace posthouse::protocol
