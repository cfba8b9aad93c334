#include "protocol/submission_header.h"

#include "protocol/date.h"

namespace posthouse::protocol {

namespace {

constexpr std::size_t kUsualTrace = 512;

// The identifier without its brackets; nothing if there is no "<...>".
std::string_view bare_message_id(std::string_view value) {
    const std::size_t open = value.find('<');
    if (open == std::string_view::npos) return {};
    const std::size_t close = value.find('>', open);
    if (close == std::string_view::npos) return {};
    return value.substr(open + 1, close - open - 1);
}

}  // namespace

SubmissionHeader::SubmissionHeader(const SubmissionOptions& options)
    : message_id_(options.message_id),
      now_(options.received.now),
      max_header_(options.max_header),
      max_received_(options.max_received) {
    trace_.reserve(kUsualTrace);
    append_received(trace_, options.received);
}

std::expected<void, Reply> SubmissionHeader::feed(std::string_view bytes, ByteSink out) {
    scan_.feed(bytes);
    if (emitted_) {
        emit(bytes, out);
        return {};
    }
    if (!scan_.header_complete()) {
        if (scan_.header_size() > max_header_) return check_header();
        held_ += bytes;
        return {};
    }
    if (auto fit = check_header(); !fit) return fit;
    if (held_.empty()) {
        emit_header(bytes, out);
    } else {
        // Only as much is joined as belongs to the header; a line that broke it off may lie in both.
        const std::size_t joined = held_.size();
        const auto header = static_cast<std::size_t>(scan_.header_size());
        const std::size_t taken = header > joined ? header - joined : 0;
        held_ += bytes.substr(0, taken);
        emit_header(held_, out);
        emit(bytes.substr(taken), out);
        held_ = std::string();
    }
    return {};
}

std::expected<void, Reply> SubmissionHeader::finish(ByteSink out) {
    scan_.finish();
    if (emitted_) return {};
    if (auto fit = check_header(); !fit) return fit;
    emit_header(held_, out);
    held_ = std::string();
    return {};
}

// Size comes first and the rest only when the header is complete, so that the answer does not depend on how
// the content was split.
std::expected<void, Reply> SubmissionHeader::check_header() const {
    if (scan_.header_size() > max_header_) {
        return std::unexpected(Reply(552, EnhancedCode{5, 3, 4},
                                     "The header of the message is larger than " +
                                         std::to_string(max_header_) +
                                         " octets; send fewer or shorter header fields"));
    }
    if (scan_.count(HeaderField::Received) > max_received_) {
        return std::unexpected(
            Reply(554, EnhancedCode{5, 4, 6},
                  "The message has " + std::to_string(scan_.count(HeaderField::Received)) +
                      " Received fields and seems to go round in a loop; look for a relay that "
                      "sends mail back to where it came from"));
    }
    if (scan_.too_many_ranges()) {
        return std::unexpected(
            Reply(554, EnhancedCode{5, 6, 0}, "The message has too many Bcc fields; send one"));
    }
    return {};
}

// `content` holds the header, and may hold octets of the body behind it.
void SubmissionHeader::emit_header(std::string_view content, ByteSink out) {
    emitted_ = true;
    if (!scan_.has(HeaderField::Date)) {
        trace_ += "Date: ";
        append_date(trace_, now_);
        trace_ += "\r\n";
    }
    if (!scan_.has(HeaderField::MessageId)) {
        trace_ += "Message-ID: ";
        trace_ += message_id_;
        trace_ += "\r\n";
    }
    emit(trace_, out);

    std::uint64_t removed = 0;
    std::size_t at = 0;
    for (const HeaderRange& range : scan_.ranges()) {
        const auto offset = static_cast<std::size_t>(range.offset);
        emit(content.substr(at, offset - at), out);
        at = offset + static_cast<std::size_t>(range.size);
        removed += range.size;
    }
    std::uint64_t header_size = trace_.size() + scan_.header_size() - removed;
    if (scan_.broken_off()) {
        const auto header = static_cast<std::size_t>(scan_.header_size());
        emit(content.substr(at, header - at), out);
        emit("\r\n", out);
        header_size += 2;
        at = header;
    }
    emit(content.substr(at), out);
    header_size_ = static_cast<std::uint32_t>(header_size);
}

void SubmissionHeader::emit(std::string_view bytes, ByteSink out) {
    size_ += bytes.size();
    out(bytes);
}

SubmissionFacts SubmissionHeader::facts() const {
    SubmissionFacts facts;
    facts.size = size_;
    facts.header_size = header_size_;
    facts.utf8_header = scan_.eight_bit_header();
    facts.eight_bit = scan_.eight_bit_header() || scan_.eight_bit_body();
    facts.message_id = bare_message_id(scan_.has(HeaderField::MessageId) ? scan_.value(HeaderField::MessageId)
                                                                         : message_id_);
    return facts;
}

}  // namespace posthouse::protocol
