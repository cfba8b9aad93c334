// MimeWalk: follows the MIME structure of a message while it streams past, and says what each octet is.
//
// Fed any split. The visitor's calls together give every octet of the message exactly once and in order.
// Nested multiparts and message/rfc822 are entered down to kMaxDepth; what must not be touched or cannot be
// understood is reported as an opaque part. Memory: one part's header (kMaxHeader) and one boundary per
// level.
//
// The CRLF in front of a boundary belongs to the boundary (RFC 2046 5.1.1), so a part's body ends before it.
// A boundary line is the whole line: "--" boundary, "--" if it closes, white space, CRLF. RFC 2045, 2046,
// 1847 (multipart/signed), 6532 (message/global).
#pragma once

#include "protocol/content_type.h"
#include "protocol/header_scan.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::protocol {

enum class PartKind : std::uint8_t {
    Text,       // a leaf of text/*, or without Content-Type
    Data,       // any other leaf
    Multipart,  // its parts follow
    Message,    // message/rfc822: another header follows
    Opaque,     // to be passed as it is, see MimePart::opaque
};

enum class OpaqueReason : std::uint8_t {
    None,
    Signed,     // multipart/signed or multipart/encrypted: any change breaks it
    Encoded,    // its transfer encoding is quoted-printable, base64 or unknown
    Malformed,  // multipart without a boundary, or a composite type that is encoded
    Fixed,      // message/* other than rfc822 and global*: 7-bit by definition
    TooDeep,
};

struct MimePart {
    PartKind kind = PartKind::Text;
    OpaqueReason opaque = OpaqueReason::None;
    bool top = false;             // the message itself
    bool nested_message = false;  // the header of a message inside message/rfc822
    std::string_view header;      // complete, with its empty line if it has one
    const HeaderScan& scan;       // of `header`; located: Content-Transfer-Encoding
};

class MimeVisitor {
  public:
    virtual ~MimeVisitor() = default;
    virtual void on_part(const MimePart& part) = 0;
    virtual void on_body(std::string_view bytes) = 0;      // of the Text, Data or Opaque part
    virtual void on_part_end(bool at_end_of_content) = 0;  // of a Text, Data or Opaque part
    virtual void on_filler(std::string_view bytes) = 0;    // before the first and behind the last boundary
    virtual void on_boundary(std::string_view bytes) = 0;  // with the CRLFs around it
};

class MimeWalk {
  public:
    static constexpr std::size_t kMaxDepth = 32;
    static constexpr std::size_t kMaxHeader = (1U << 20U) + (16U << 10U);
    static constexpr std::size_t kMaxBoundary = 200;

    explicit MimeWalk(MimeVisitor& visitor) : visitor_(visitor) {}

    void feed(std::string_view bytes);
    void finish();

    // A header longer than kMaxHeader was met: nothing further is reported.
    [[nodiscard]] bool header_too_long() const { return header_too_long_; }

  private:
    // Where the octets of the current line go. Filler: preamble, epilogue.
    enum class Place : std::uint8_t { Header, Body, Filler };
    struct Level {
        std::string boundary;
        std::size_t depth = 0;  // of the multipart itself
        bool digest = false;    // RFC 2046 5.1.5: parts are message/rfc822 unless they say otherwise
    };
    struct Judgement {
        PartKind kind = PartKind::Text;
        OpaqueReason opaque = OpaqueReason::None;
    };

    [[nodiscard]] std::size_t take_candidate(std::string_view bytes);
    [[nodiscard]] std::size_t take_piece(std::string_view bytes);
    [[nodiscard]] bool take_boundary(std::string_view line);
    void release_candidate(bool line_ends);
    void put(std::string_view piece, bool line_ends);
    void put_header(std::string_view piece, bool line_ends);
    void put_content(std::string_view piece, bool line_ends);
    void emit(std::string_view bytes);
    void start_header(bool default_message, bool nested_message);
    void end_header();
    void end_all_headers();
    [[nodiscard]] Judgement judge();
    [[nodiscard]] Judgement judge_multipart(const ContentType& type, bool identity);
    void end_part(bool at_end_of_content);

    MimeVisitor& visitor_;
    std::vector<Level> levels_;
    Place place_ = Place::Header;
    bool part_open_ = false;  // a leaf or opaque part
    bool line_start_ = true;
    bool after_cr_ = false;         // the last octet of the line so far is CR
    bool held_cr_ = false;          // of the content, until it is known to be no line end
    bool held_line_end_ = false;    // of the content, until it is known to belong to no boundary
    bool default_message_ = false;  // the header being read is of a part of a digest
    bool top_ = true;
    bool nested_message_ = false;
    bool header_too_long_ = false;
    std::size_t depth_ = 0;
    std::string line_;  // a line that may be a boundary
    std::string header_;
    HeaderScan scan_{HeaderField::ContentTransferEncoding};
};

}  // namespace posthouse::protocol
