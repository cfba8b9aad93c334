#include "daemon/submission/intake.h"

#include "daemon/runtime/await.h"

#include <cerrno>
#include <utility>

namespace posthouse::submission {
namespace {

using protocol::EnhancedCode;
using protocol::Reply;

constexpr std::size_t kInlineLimit = 256U << 10U;   // larger contents get a file of their own
constexpr std::size_t kSpillWhenBusy = 32U << 10U;  // so do these, while kBufferedInAll is spent
constexpr std::uint64_t kBufferedInAll = 4U << 20U;
constexpr std::size_t kChunk = 128U << 10U;  // written to the file at once

Reply refusal_for(const Error& error) {
    if (error.os_error() == ENOSPC || error.os_error() == EDQUOT) {
        return Reply(452, EnhancedCode{4, 3, 1}, "Not enough disk space for the message, try again later");
    }
    return Reply(451, EnhancedCode{4, 3, 0}, "The message could not be stored, try again later");
}

}  // namespace

Intake::Intake(Services& services, runtime::Loop& loop) : services_(services), loop_(loop) {}

Intake::~Intake() {
    abort();
}

void Intake::open(const protocol::Envelope& envelope, const SubmittedBy& by) {
    accepted_ = spool::Accepted{};
    accepted_.id = services_.spool.next_id(services_.clock.now());
    accepted_.accepted_at = services_.clock.now();
    accepted_.envelope = envelope;
    accepted_.login = by.login;
    accepted_.client = by.client;
    stored_.reset();

    const std::string id = to_string(accepted_.id);
    const auto& settings = *services_.settings;
    const std::string message_id = protocol::make_message_id(id, accepted_.id.value, settings.hostname);
    protocol::SubmissionOptions options;
    options.message_id = message_id;
    options.received.client_name = by.client_name;
    options.received.client_address = by.client;
    options.received.hostname = settings.hostname;
    options.received.id = id;
    if (envelope.recipients.size() == 1) options.received.recipient = envelope.recipients.front().address;
    options.received.tls_version = by.tls_version;
    options.received.tls_cipher = by.tls_cipher;
    options.received.esmtp = by.esmtp;
    options.received.authenticated = !by.login.empty();
    options.received.smtputf8 = envelope.smtputf8;
    options.received.now = services_.clock.wall();
    header_ = std::make_unique<protocol::SubmissionHeader>(options);
}

void Intake::take(std::string_view bytes) {
    buffer_.append(bytes);
    accounted_ += bytes.size();
    services_.buffered.fetch_add(bytes.size(), std::memory_order_relaxed);
}

std::optional<Reply> Intake::append(std::string_view bytes) {
    auto sink = [this](std::string_view piece) { take(piece); };
    if (auto done = header_->feed(bytes, sink); !done) return std::move(done).error();
    return std::nullopt;
}

bool Intake::full() const {
    if (!header_) return false;
    if (file_) return buffer_.size() >= kChunk;
    if (buffer_.size() > kInlineLimit) return true;
    return buffer_.size() > kSpillWhenBusy &&
           services_.buffered.load(std::memory_order_relaxed) > kBufferedInAll;
}

runtime::Task<std::optional<Reply>> Intake::flush() {
    std::move_only_function<Result<void>()> work = [this]() -> Result<void> {
        if (!file_) {
            auto created = services_.spool.create_content(accepted_.id);
            if (!created) return std::unexpected(created.error());
            file_ = std::move(*created);
        }
        return file_->append(buffer_);
    };
    const auto written = co_await runtime::run_blocking<Result<void>>(services_.disk, loop_, std::move(work));
    forget_buffer();
    if (!written) co_return refusal_for(written.error());
    co_return std::nullopt;
}

runtime::Task<std::optional<Reply>> Intake::finish_content_file() {
    std::move_only_function<Result<void>()> work = [this]() -> Result<void> {
        if (auto appended = file_->append(buffer_); !appended) return appended;
        return file_->finish();
    };
    const auto finished =
        co_await runtime::run_blocking<Result<void>>(services_.disk, loop_, std::move(work));
    forget_buffer();
    if (!finished) co_return refusal_for(finished.error());
    co_return std::nullopt;
}

runtime::Task<std::expected<spool::MessageId, Reply>> Intake::commit() {
    auto sink = [this](std::string_view piece) { take(piece); };
    if (auto done = header_->finish(sink); !done) {
        Reply refused = std::move(done).error();
        abort();
        co_return std::unexpected(std::move(refused));
    }
    auto facts = header_->facts();
    accepted_.facts.size = facts.size;
    accepted_.facts.header_size = facts.header_size;
    accepted_.facts.eight_bit = facts.eight_bit;
    accepted_.facts.utf8_header = facts.utf8_header;
    accepted_.facts.message_id = std::move(facts.message_id);
    accepted_.external = file_ != nullptr;
    if (file_) {
        if (auto refused = co_await finish_content_file()) {
            abort();
            co_return std::unexpected(std::move(*refused));
        }
    }

    auto message = std::make_shared<spool::Stored>();
    message->accepted = std::move(accepted_);
    message->content = std::move(buffer_);
    message->content.shrink_to_fit();
    stored_ = std::move(message);

    std::move_only_function<void(runtime::Resume<Result<spool::Location>>)> start =
        [this](runtime::Resume<Result<spool::Location>> resume) {
            services_.spool.accept(stored_, [this, stored = stored_, resume = std::move(resume)](
                                                Result<spool::Location> where) mutable {
                loop_.post([this, stored = std::move(stored), where = std::move(where),
                            resume = std::move(resume)]() mutable {
                    // Durable is durable: the queue gets it even if the client is gone by now.
                    if (where) services_.hand_over(std::move(stored), *where);
                    resume(std::move(where));
                });
            });
        };
    const auto where = co_await runtime::await_callback<Result<spool::Location>>(std::move(start));
    file_.reset();  // finished: it belongs to the spool now
    abort();
    if (!where) {
        stored_.reset();
        co_return std::unexpected(refusal_for(where.error()));
    }
    co_return stored_->accepted.id;
}

void Intake::forget_buffer() {
    services_.buffered.fetch_sub(accounted_, std::memory_order_relaxed);
    accounted_ = 0;
    buffer_.clear();
}

void Intake::abort() {
    if (!header_) return;
    header_.reset();
    forget_buffer();
    buffer_.shrink_to_fit();
    if (!file_) return;
    // Removing a large file can block.
    services_.disk.submit([file = std::move(file_)] { file->abort(); });
    file_.reset();
}

}  // namespace posthouse::submission
