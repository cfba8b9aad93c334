#include "daemon/app/bouncer.h"

#include "daemon/runtime/await.h"
#include "daemon/spool/content_file.h"
#include "protocol/bounce_builder.h"
#include "protocol/received_header.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <exception>
#include <utility>
#include <variant>

namespace posthouse::app {
namespace {

constexpr std::chrono::seconds kRetryAfterDiskError{30};

// An expired recipient has no reply of its own: the last answer that an upstream gave for it says more.
void add_last_replies(std::vector<spool::RecipientOutcome>& failed, const std::vector<spool::Record>& chain) {
    for (auto& outcome : failed) {
        if (outcome.state != spool::RecipientState::Expired || outcome.reply.code != 0) continue;
        for (const auto& record : chain) {
            const auto* past = std::get_if<spool::Outcome>(&record);
            if (past == nullptr) continue;
            for (const auto& earlier : past->recipients) {
                if (earlier.index == outcome.index && earlier.reply.code != 0) outcome.reply = earlier.reply;
            }
            if (outcome.reply.code != 0) break;
        }
    }
}

}  // namespace

Bouncer::Bouncer(std::shared_ptr<const config::Settings> settings, spool::Spool& spool, queue::Queue& queue,
                 runtime::Loop& queue_loop, runtime::BlockingPool& disk, const runtime::Clock& clock,
                 runtime::Log& log)
    : settings_(std::move(settings)),
      spool_(spool),
      queue_(queue),
      queue_loop_(queue_loop),
      disk_(disk),
      clock_(clock),
      log_(log) {}

void Bouncer::make(queue::BounceRequest request) {
    ++in_work_;
    auto shared = std::make_shared<queue::BounceRequest>(std::move(request));
    queue_loop_.post([this, shared] {
        auto ended = [this](const std::exception_ptr& failure) {
            --in_work_;
            if (failure) std::rethrow_exception(failure);  // a bug: nothing of ours throws
        };
        boost::asio::co_spawn(queue_loop_.io(), run(shared), std::move(ended));
    });
}

Result<spool::StoredPtr> Bouncer::load(const queue::BounceRequest& request) const {
    Result<spool::StoredPtr> original = request.stored;
    if (!request.stored) original = spool_.read_message(request.location);
    if (!original) return original;
    if (!(*original)->accepted.external) return original;
    // Only the header goes back (or a content small enough): never a large content into memory.
    auto reader = spool_.open_content((*original)->accepted.id);
    if (!reader) return std::unexpected(reader.error());
    auto copy = std::make_shared<spool::Stored>();
    copy->accepted = (*original)->accepted;
    copy->content.resize(
        std::min<std::uint64_t>(copy->accepted.facts.header_size, protocol::kMaxReturnedHeader));
    std::size_t filled = 0;
    while (filled < copy->content.size()) {
        const auto got = (*reader)->read(std::span(copy->content).subspan(filled));
        if (!got) return std::unexpected(got.error());
        if (*got == 0) break;
        filled += *got;
    }
    copy->content.resize(filled);
    return copy;
}

spool::StoredPtr Bouncer::build(const queue::BounceRequest& request, const spool::Stored& original) const {
    const auto now = clock_.now();
    const auto id = spool_.next_id(now);
    const auto& envelope = original.accepted.envelope;
    const bool to_postmaster = settings_->bounces.to == config::BounceTarget::Postmaster;
    const std::string recipient = to_postmaster ? settings_->bounces.postmaster : envelope.sender;
    const std::string queue_id = to_string(request.id);
    const std::string message_id = protocol::make_message_id(to_string(id), id.value, settings_->hostname);

    protocol::Bounce bounce;
    bounce.hostname = settings_->hostname;
    bounce.sender = recipient;
    bounce.envelope_id = envelope.envelope_id;
    bounce.queue_id = queue_id;
    bounce.message_id = message_id;
    bounce.arrival = original.accepted.accepted_at;
    bounce.now = clock_.wall();
    bounce.random = id.value * 0x9E3779B97F4A7C15ULL;
    bounce.smtputf8 = envelope.smtputf8;
    for (const auto& failed : request.failed) {
        const auto& addressee = envelope.recipients[failed.index];
        protocol::BounceRecipient entry;
        entry.address = addressee.address;
        entry.original_recipient = addressee.original_recipient;
        entry.action = failed.state == spool::RecipientState::Expired ? protocol::BounceAction::Expired
                                                                      : protocol::BounceAction::Failed;
        entry.reply = failed.reply;
        if (failed.reply.code != 0) {
            for (const auto& upstream : settings_->upstreams) {
                if (upstream.name == request.upstream) entry.remote_host = upstream.host;
            }
        }
        entry.last_attempt = now;
        bounce.recipients.push_back(std::move(entry));
    }
    bounce.original = original.content;
    bounce.header_size = std::min<std::size_t>(original.accepted.facts.header_size, original.content.size());
    bounce.return_full = envelope.dsn_return == protocol::DsnReturn::Full && !original.accepted.external;
    auto built = protocol::build_bounce(bounce);

    auto message = std::make_shared<spool::Stored>();
    message->accepted.id = id;
    message->accepted.accepted_at = now;
    message->accepted.envelope.recipients.push_back(protocol::Recipient{recipient, 0, {}});
    message->accepted.envelope.smtputf8 = built.utf8_header;
    message->accepted.envelope.body =
        built.eight_bit ? protocol::BodyType::EightBitMime : protocol::BodyType::SevenBit;
    message->accepted.facts.size = built.content.size();
    message->accepted.facts.header_size = static_cast<std::uint32_t>(built.header_size);
    message->accepted.facts.eight_bit = built.eight_bit;
    message->accepted.facts.utf8_header = built.utf8_header;
    message->accepted.facts.message_id = message_id.substr(1, message_id.size() - 2);
    message->accepted.client = "bounce";
    message->accepted.is_bounce = true;
    message->content = std::move(built.content);
    return message;
}

runtime::Task<void> Bouncer::run(std::shared_ptr<queue::BounceRequest> request) {
    const auto view = queue_.find(request->id, clock_.now());
    const auto newest = view ? view->newest : request->location;
    std::move_only_function<Result<spool::StoredPtr>()> reading = [this, request, newest] {
        auto original = load(*request);
        if (auto chain = spool_.read_chain(newest)) add_last_replies(request->failed, *chain);
        return original;
    };
    auto original =
        co_await runtime::run_blocking<Result<spool::StoredPtr>>(disk_, queue_loop_, std::move(reading));
    if (!original) {
        retry_later(request, original.error());
        co_return;
    }
    const auto bounce = build(*request, **original);
    using Where = Result<spool::Location>;
    std::move_only_function<void(runtime::Resume<Where>)> start = [this,
                                                                   &bounce](runtime::Resume<Where> resume) {
        spool_.accept(bounce, [this, resume = std::move(resume)](Where where) mutable {
            queue_loop_.post([where = std::move(where), resume = std::move(resume)]() mutable {
                resume(std::move(where));
            });
        });
    };
    const auto where = co_await runtime::await_callback<Where>(std::move(start));
    if (!where) {
        retry_later(request, where.error());
        co_return;
    }
    const std::string id = to_string(bounce->accepted.id);
    const std::string about = to_string(request->id);
    log_.write(config::LogLevel::Info, "bounce",
               {{"msg", id}, {"about", about}, {"to", bounce->accepted.envelope.recipients.front().address}});
    queue_.add(bounce, *where, clock_.now());
    queue_.bounce_stored(request->id, clock_.now());
}

// The disk refuses: the failed message stays in the queue, so nothing is forgotten.
void Bouncer::retry_later(const std::shared_ptr<queue::BounceRequest>& request, const Error& error) {
    const std::string id = to_string(request->id);
    log_.write(config::LogLevel::Error, "bounce_deferred", {{"msg", id}, {"reason", error.message()}});
    auto timer = std::make_shared<boost::asio::steady_timer>(queue_loop_.io());
    timer->expires_after(kRetryAfterDiskError);
    timer->async_wait([this, timer, request](const boost::system::error_code& cancelled) {
        if (!cancelled) make(std::move(*request));
    });
}

}  // namespace posthouse::app
