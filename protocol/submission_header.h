// SubmissionHeader: what a submission server owes a message, done while the message streams through.
//
// Fed the decoded content in order, in any split. The header is held back until it is complete; then go out
// our Received field, Date and Message-ID if the message has none, and the header as it came but without Bcc
// and Resent-Bcc. Everything behind passes as views of the input, never copied; if the header is complete in
// the first piece it is not copied either. Content without a header, or whose header breaks off at a line
// that is no field, gets the empty line that it lacks. Nothing else changes by a single octet.
//
//     SubmissionHeader header(options);
//     if (auto done = header.feed(bytes, sink); !done) return done.error();      // a Reply for the client
//     ...
//     if (auto done = header.finish(sink); !done) return done.error();
//     use(header.facts());
//
// A refusal is final: feed no more. Nothing of a refused message has reached the sink.
// RFC 6409 8.2, 8.3 (Date, Message-ID), RFC 5321 4.4 and 6.3 (Received, loops), RFC 5322 3.6.3 (Bcc).
// Not thread-safe; one object per message.
#pragma once

#include "protocol/byte_sink.h"
#include "protocol/header_scan.h"
#include "protocol/received_header.h"
#include "protocol/reply.h"
#include "protocol/time.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace posthouse::protocol {

// Read by the constructor only: the views need not live longer.
struct SubmissionOptions {
    ReceivedFacts received;              // its `now` becomes the Date
    std::string_view message_id;         // for a message that has none, see make_message_id()
    std::size_t max_header = 1U << 20U;  // octets; more is refused with 552 5.3.4
    std::uint32_t max_received = 100;    // fields in the message as it came; more is a loop, 554 5.4.6
};

// What the spool must know about the content as it was put out.
struct SubmissionFacts {
    std::uint64_t size = 0;
    std::uint32_t header_size = 0;  // with its empty line
    bool eight_bit = false;
    bool utf8_header = false;
    std::string message_id;  // without <>; empty if the message's own could not be read
};

class SubmissionHeader {
  public:
    explicit SubmissionHeader(const SubmissionOptions& options);

    [[nodiscard]] std::expected<void, Reply> feed(std::string_view bytes, ByteSink out);
    [[nodiscard]] std::expected<void, Reply> finish(ByteSink out);

    // Complete after finish().
    [[nodiscard]] SubmissionFacts facts() const;
    // The message as it came: From, Subject and so on for rules and events, complete once the header is.
    [[nodiscard]] const HeaderScan& scan() const { return scan_; }

  private:
    [[nodiscard]] std::expected<void, Reply> check_header() const;
    void emit_header(std::string_view content, ByteSink out);
    void emit(std::string_view bytes, ByteSink out);

    HeaderScan scan_;
    std::string trace_;       // our fields
    std::string message_id_;  // with <>
    std::string held_;        // the header until it is complete
    TimePoint now_;
    std::size_t max_header_;
    std::uint32_t max_received_;
    bool emitted_ = false;
    std::uint32_t header_size_ = 0;
    std::uint64_t size_ = 0;
};

}  // namespace posthouse::protocol
