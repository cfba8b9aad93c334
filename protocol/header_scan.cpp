#include "protocol/header_scan.h"

#include "protocol/utf8.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace posthouse::protocol {

namespace {

constexpr bool is_white(char c) {
    return c == ' ' || c == '\t';
}

// RFC 5322 3.6.8: ftext, what a field name is made of.
constexpr bool is_name_char(char c) {
    return c > ' ' && c < 0x7F && c != ':';
}

constexpr char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

constexpr std::array<std::pair<std::string_view, HeaderField>, kHeaderFields> kNames{{
    {"bcc", HeaderField::Bcc},
    {"content-transfer-encoding", HeaderField::ContentTransferEncoding},
    {"content-type", HeaderField::ContentType},
    {"date", HeaderField::Date},
    {"from", HeaderField::From},
    {"message-id", HeaderField::MessageId},
    {"mime-version", HeaderField::MimeVersion},
    {"received", HeaderField::Received},
    {"resent-bcc", HeaderField::ResentBcc},
    {"sender", HeaderField::Sender},
    {"subject", HeaderField::Subject},
    {"to", HeaderField::To},
}};

constexpr bool keeps_value(HeaderField field) {
    return field != HeaderField::Received && field != HeaderField::Bcc && field != HeaderField::ResentBcc;
}

// Enough for the values of ordinary mail in one allocation.
constexpr std::size_t kUsualValues = 512;

}  // namespace

HeaderScan::HeaderScan(std::initializer_list<HeaderField> located) {
    for (const HeaderField field : located) {
        located_ = static_cast<std::uint16_t>(located_ | 1U << static_cast<unsigned>(field));
    }
}

void HeaderScan::feed(std::string_view bytes) {
    const char* const begin = bytes.data();
    const char* const end = begin + bytes.size();
    const char* at = begin;
    const auto position = [&] { return size_ + static_cast<std::uint64_t>(at - begin); };

    while (state_ != State::Body && at != end) {
        switch (state_) {
            case State::LineStart:
                if (in_field_ && is_white(*at)) {
                    state_ = State::Value;
                    break;
                }
                line_start_ = position();
                end_field(line_start_);
                if (*at == '\r') {
                    ++at;
                    state_ = State::LineStartCr;
                } else {
                    name_size_ = 0;
                    state_ = State::Name;
                }
                break;
            case State::LineStartCr:
                if (*at == '\n') {
                    ++at;
                    end_header(position(), false);
                } else {
                    end_header(line_start_, true);
                }
                break;
            case State::Name:
            case State::NameTrail:
                at = scan_name(at, end, begin);
                break;
            case State::Value:
                at = scan_value(at, end);
                break;
            case State::Body:
                break;
        }
    }
    if (!eight_bit_body_ && at != end) {
        eight_bit_body_ = !is_ascii(std::string_view(at, static_cast<std::size_t>(end - at)));
    }
    size_ += bytes.size();
}

void HeaderScan::finish() {
    switch (state_) {
        case State::Body:
            break;
        case State::LineStart:
        case State::Value:
            end_field(size_);
            end_header(size_, false);
            break;
        case State::LineStartCr:
        case State::Name:
        case State::NameTrail:
            end_header(line_start_, true);
            break;
    }
}

// A line that turns out to be no field was ASCII up to here, and belongs to the body from its start.
const char* HeaderScan::scan_name(const char* at, const char* end, const char* begin) {
    const std::uint64_t chunk_start = size_;
    for (; at != end; ++at) {
        const char c = *at;
        const std::uint64_t length = chunk_start + static_cast<std::uint64_t>(at - begin) - line_start_;
        if (length > kMaxName) {
            end_header(line_start_, true);
            return at;
        }
        if (c == ':' && name_size_ > 0) {
            ++at;
            field_start_ = line_start_;
            begin_field();
            return at;
        }
        if (state_ == State::Name && is_name_char(c)) {
            if (name_size_ < kLongestName) name_[name_size_] = lower(c);
            if (name_size_ <= kLongestName) ++name_size_;
        } else if (is_white(c) && name_size_ > 0) {
            state_ = State::NameTrail;
        } else {
            end_header(line_start_, true);
            return at;
        }
    }
    return at;
}

const char* HeaderScan::scan_value(const char* at, const char* end) {
    const auto left = static_cast<std::size_t>(end - at);
    const auto* newline = static_cast<const char*>(std::memchr(at, '\n', left));
    const char* const stop = newline == nullptr ? end : newline + 1;
    const std::string_view span(at, static_cast<std::size_t>(stop - at));

    if (!eight_bit_header_) eight_bit_header_ = !is_ascii(span);
    if (keeping_) keep(span);
    if (newline == nullptr) {
        after_cr_ = span.back() == '\r';
        return end;
    }
    const bool line_ends = span.size() > 1 ? span[span.size() - 2] == '\r' : after_cr_;
    after_cr_ = false;
    if (line_ends) state_ = State::LineStart;
    return stop;
}

void HeaderScan::begin_field() {
    state_ = State::Value;
    in_field_ = true;
    after_cr_ = false;
    keeping_ = false;
    field_ = kNoField;
    const std::string_view name(name_.data(), name_size_ <= kLongestName ? name_size_ : 0);
    for (const auto& [known, field] : kNames) {
        if (known == name) {
            field_ = static_cast<std::uint8_t>(field);
            Slot& slot = slots_[field_];
            keeping_ = slot.count == 0 && keeps_value(field);
            if (keeping_) {
                if (values_.capacity() < kUsualValues) values_.reserve(kUsualValues);
                slot.begin = static_cast<std::uint32_t>(values_.size());
            }
            ++slot.count;
            break;
        }
    }
}

// Ends the field that was open, if one was.
void HeaderScan::end_field(std::uint64_t at) {
    if (!in_field_) return;
    in_field_ = false;
    keeping_ = false;
    if (field_ == kNoField || (located_ >> field_ & 1U) == 0) return;
    if (!ranges_.empty() && ranges_.back().offset + ranges_.back().size == field_start_) {
        ranges_.back().size = at - ranges_.back().offset;
    } else if (ranges_.size() < kMaxRanges) {
        ranges_.push_back({field_start_, at - field_start_});
    } else {
        too_many_ranges_ = true;
    }
}

void HeaderScan::end_header(std::uint64_t at, bool broken_off) {
    header_size_ = at;
    broken_off_ = broken_off;
    state_ = State::Body;
}

// CR and LF are left out, which unfolds the value.
void HeaderScan::keep(std::string_view piece) {
    Slot& slot = slots_[field_];
    while (!piece.empty()) {
        const std::size_t end = std::min(piece.find('\r'), piece.size());
        std::string_view text = piece.substr(0, end);
        if (text.ends_with('\n'))
            text.remove_suffix(1);  // an LF is the last octet of a piece, or there is none
        text = text.substr(0, kMaxValue - slot.size);
        values_ += text;
        slot.size += static_cast<std::uint32_t>(text.size());
        piece.remove_prefix(std::min(end + 1, piece.size()));
    }
}

std::uint64_t HeaderScan::header_size() const {
    switch (state_) {
        case State::Body:
            return header_size_;
        case State::LineStart:
        case State::Value:
            return size_;
        case State::LineStartCr:
        case State::Name:
        case State::NameTrail:
            return line_start_;
    }
    return size_;
}

std::string_view HeaderScan::value(HeaderField field) const {
    const Slot& found = slot(field);
    std::string_view value = std::string_view(values_).substr(found.begin, found.size);
    while (!value.empty() && is_white(value.front()))
        value.remove_prefix(1);
    while (!value.empty() && is_white(value.back()))
        value.remove_suffix(1);
    return value;
}

}  // namespace posthouse::protocol
