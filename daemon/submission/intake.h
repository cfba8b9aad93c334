// Intake: one message on its way from a session into the spool.
//
// Small contents are gathered in memory and go into the segment with their record; larger ones, or any while
// too much is being taken in at once (kBufferedInAll over all sessions), stream into a file of their own. So
// memory is bounded by the number of sessions, never by the size of messages (promise 8).
//
//     intake.open(envelope, about);   each Body: intake.append(bytes), then while (intake.full()) co_await
//     intake.flush(); co_await intake.commit()  ->  the id, or the refusal to give        abort() forgets
//     everything
//
// Lives on the session's loop.
#pragma once

#include "daemon/runtime/task.h"
#include "daemon/spool/content_file.h"
#include "daemon/submission/services.h"
#include "protocol/reply.h"
#include "protocol/submission_header.h"

#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse::submission {

// Facts of the session for the trace header and the record.
struct SubmittedBy {
    std::string client;       // "127.0.0.1", "unix"
    std::string client_name;  // EHLO argument
    std::string login;        // empty: by network
    std::string tls_version;  // empty: clear
    std::string tls_cipher;
    bool esmtp = true;
};

class Intake {
  public:
    Intake(Services& services, runtime::Loop& loop);
    ~Intake();
    Intake(const Intake&) = delete;
    Intake& operator=(const Intake&) = delete;

    void open(const protocol::Envelope& envelope, const SubmittedBy& by);
    // A refusal (too many Received fields, header too large) is final: the rest is swallowed by the session.
    [[nodiscard]] std::optional<protocol::Reply> append(std::string_view bytes);
    [[nodiscard]] bool full() const;
    runtime::Task<std::optional<protocol::Reply>> flush();

    // Makes the message durable and hands it to the queue. The message id, or what to tell the client.
    runtime::Task<std::expected<spool::MessageId, protocol::Reply>> commit();
    void abort();

    [[nodiscard]] bool is_open() const { return header_ != nullptr; }
    [[nodiscard]] const spool::StoredPtr& stored() const { return stored_; }  // after commit()

  private:
    void take(std::string_view bytes);
    void forget_buffer();
    runtime::Task<std::optional<protocol::Reply>> finish_content_file();

    Services& services_;
    runtime::Loop& loop_;
    std::unique_ptr<protocol::SubmissionHeader> header_;
    spool::Accepted accepted_;
    std::string buffer_;
    std::uint64_t accounted_ = 0;                 // our part of services_.buffered
    std::unique_ptr<spool::ContentWriter> file_;  // once the content does not stay in memory
    spool::StoredPtr stored_;
};

}  // namespace posthouse::submission
