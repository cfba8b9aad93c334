#include "protocol/mime_walk.h"

#include "protocol/utf8.h"

#include <cstring>
#include <utility>

namespace posthouse::protocol {

namespace {

// A longer line is no boundary: "--", the boundary, "--", a generous amount of white space, CRLF.
constexpr std::size_t kMaxCandidate = MimeWalk::kMaxBoundary + 4 + 256 + 2;

std::string_view without_trailing_white(std::string_view text) {
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

}  // namespace

void MimeWalk::feed(std::string_view bytes) {
    while (!bytes.empty() && !header_too_long_) {
        const bool candidate = line_start_ && !levels_.empty();
        const std::size_t used = candidate ? take_candidate(bytes) : take_piece(bytes);
        bytes.remove_prefix(used);
    }
}

void MimeWalk::finish() {
    if (header_too_long_) return;
    if (!line_.empty() && !take_boundary(line_)) release_candidate(false);
    end_all_headers();
    if (held_line_end_) emit("\r\n");
    if (held_cr_) emit("\r");
    held_line_end_ = held_cr_ = false;
    end_part(true);
}

// Collects a line for as long as it may still turn out to be a boundary.
std::size_t MimeWalk::take_candidate(std::string_view bytes) {
    bytes = bytes.substr(0, kMaxCandidate - line_.size());
    const std::size_t newline = bytes.find('\n');
    if (newline != std::string_view::npos) bytes = bytes.substr(0, newline + 1);
    line_ += bytes;

    const std::string_view line = line_;
    const bool line_ends = line.ends_with("\r\n");
    if (!std::string_view("--").starts_with(line.substr(0, 2))) {
        release_candidate(line_ends);
    } else if (line_ends) {
        if (!take_boundary(line)) release_candidate(true);
    } else if (newline != std::string_view::npos || line.size() == kMaxCandidate) {
        release_candidate(false);
    }
    return bytes.size();
}

void MimeWalk::release_candidate(bool line_ends) {
    const std::string line = std::exchange(line_, {});
    line_start_ = line_ends;
    after_cr_ = line.back() == '\r';
    put(line, line_ends);
}

// The rest of a line, or as much of it as there is.
std::size_t MimeWalk::take_piece(std::string_view bytes) {
    const std::size_t newline = bytes.find('\n');
    const bool has_newline = newline != std::string_view::npos;
    const std::string_view piece = has_newline ? bytes.substr(0, newline + 1) : bytes;
    const bool line_ends = has_newline && (newline > 0 ? bytes[newline - 1] == '\r' : after_cr_);
    line_start_ = line_ends;
    after_cr_ = piece.back() == '\r';
    put(piece, line_ends);
    return piece.size();
}

// True if the line is the boundary of an open multipart, innermost first; it has been dealt with then.
bool MimeWalk::take_boundary(std::string_view line) {
    std::string_view text = line;
    if (text.ends_with("\r\n")) text.remove_suffix(2);
    text = without_trailing_white(text);
    if (!text.starts_with("--")) return false;
    text.remove_prefix(2);

    std::size_t level = levels_.size();
    bool closes = false;
    while (level > 0) {
        const std::string_view boundary = levels_[level - 1].boundary;
        if (text == boundary) break;
        closes = text.size() == boundary.size() + 2 && text.starts_with(boundary) && text.ends_with("--");
        if (closes) break;
        --level;
    }
    if (level == 0) return false;

    end_all_headers();
    end_part(false);
    if (held_line_end_) visitor_.on_boundary("\r\n");
    held_line_end_ = false;
    visitor_.on_boundary(line);

    const bool digest = levels_[level - 1].digest;
    depth_ = levels_[level - 1].depth + 1;
    levels_.resize(closes ? level - 1 : level);
    if (closes) {
        place_ = Place::Filler;
    } else {
        start_header(digest, false);
    }
    line_.clear();
    line_start_ = true;
    after_cr_ = false;
    return true;
}

void MimeWalk::put(std::string_view piece, bool line_ends) {
    if (place_ == Place::Header) {
        put_header(piece, line_ends);
    } else {
        put_content(piece, line_ends);
    }
}

void MimeWalk::put_header(std::string_view piece, bool line_ends) {
    header_ += piece;
    scan_.feed(piece);
    // What is not certain to be header is one line at most, and it is bounded by the scan.
    if (scan_.header_size() > kMaxHeader) {
        header_too_long_ = true;
        header_ = std::string();
        return;
    }
    if (!scan_.header_complete()) return;
    // Octets behind the header: the line that broke it off begins the body.
    const std::string behind = header_.substr(static_cast<std::size_t>(scan_.header_size()));
    end_header();
    if (!behind.empty()) put(behind, line_ends);
}

// A line end is held back until the next line shows that it is no boundary's.
void MimeWalk::put_content(std::string_view piece, bool line_ends) {
    if (held_line_end_) emit("\r\n");
    held_line_end_ = line_ends;
    if (held_cr_) {
        held_cr_ = false;
        if (line_ends && piece == "\n") return;
        emit("\r");
    }
    if (line_ends) {
        piece.remove_suffix(2);
    } else if (piece.back() == '\r') {
        held_cr_ = true;
        piece.remove_suffix(1);
    }
    emit(piece);
}

void MimeWalk::emit(std::string_view bytes) {
    if (bytes.empty()) return;
    if (place_ == Place::Body) {
        visitor_.on_body(bytes);
    } else {
        visitor_.on_filler(bytes);
    }
}

void MimeWalk::start_header(bool default_message, bool nested_message) {
    place_ = Place::Header;
    default_message_ = default_message;
    nested_message_ = nested_message;
    header_.clear();
    scan_ = HeaderScan{HeaderField::ContentTransferEncoding};
}

void MimeWalk::end_header() {
    const Judgement judgement = judge();
    const std::string_view header =
        std::string_view(header_).substr(0, static_cast<std::size_t>(scan_.header_size()));
    visitor_.on_part({judgement.kind, judgement.opaque, top_, nested_message_, header, scan_});
    top_ = false;
    switch (judgement.kind) {
        case PartKind::Text:
        case PartKind::Data:
        case PartKind::Opaque:
            place_ = Place::Body;
            part_open_ = true;
            break;
        case PartKind::Multipart:
            place_ = Place::Filler;
            break;
        case PartKind::Message:
            ++depth_;
            start_header(false, true);
            break;
    }
}

// A header that is cut short may be that of a nested message, whose own header is then empty.
void MimeWalk::end_all_headers() {
    while (place_ == Place::Header) {
        scan_.finish();
        const std::string behind = header_.substr(static_cast<std::size_t>(scan_.header_size()));
        end_header();
        if (!behind.empty()) put(behind, false);
    }
}

MimeWalk::Judgement MimeWalk::judge() {
    const std::string encoding = parse_transfer_encoding(scan_.value(HeaderField::ContentTransferEncoding));
    const bool identity = encoding == "7bit" || encoding == "8bit" || encoding == "binary";
    std::optional<ContentType> type;
    if (scan_.has(HeaderField::ContentType)) {
        type = parse_content_type(scan_.value(HeaderField::ContentType));
    } else if (default_message_) {
        type = ContentType{"message", "rfc822", {}};
    }
    // RFC 2045 5.2: no type, or one that cannot be read, is plain text.
    if (!type) type = ContentType{"text", "plain", {}};

    if (type->type == "multipart") return judge_multipart(*type, identity);
    if (type->type == "message" && type->subtype == "rfc822") {
        if (!identity) return {PartKind::Opaque, OpaqueReason::Malformed};
        if (depth_ + 1 >= kMaxDepth) return {PartKind::Opaque, OpaqueReason::TooDeep};
        return {PartKind::Message, OpaqueReason::None};
    }
    if (!identity) return {PartKind::Opaque, OpaqueReason::Encoded};
    // RFC 6532 3.7: message/global and its kin may be encoded, other message types may not (RFC 2046 5.2).
    if (type->type == "message" && !type->subtype.starts_with("global")) {
        return {PartKind::Opaque, OpaqueReason::Fixed};
    }
    return {type->type == "text" ? PartKind::Text : PartKind::Data, OpaqueReason::None};
}

MimeWalk::Judgement MimeWalk::judge_multipart(const ContentType& type, bool identity) {
    if (type.subtype == "signed" || type.subtype == "encrypted") {
        return {PartKind::Opaque, OpaqueReason::Signed};
    }
    const std::string_view boundary = without_trailing_white(type.boundary);
    if (boundary.empty() || boundary.size() > kMaxBoundary || has_control_characters(boundary) || !identity) {
        return {PartKind::Opaque, OpaqueReason::Malformed};
    }
    if (depth_ + 1 >= kMaxDepth) return {PartKind::Opaque, OpaqueReason::TooDeep};
    levels_.push_back({std::string(boundary), depth_, type.subtype == "digest"});
    return {PartKind::Multipart, OpaqueReason::None};
}

void MimeWalk::end_part(bool at_end_of_content) {
    if (!part_open_) return;
    part_open_ = false;
    visitor_.on_part_end(at_end_of_content);
}

}  // namespace posthouse::protocol
