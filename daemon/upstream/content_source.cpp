#include "daemon/upstream/content_source.h"

#include <utility>

namespace posthouse::upstream {
namespace {

constexpr std::size_t kChunk = 64U << 10U;

}  // namespace

ContentSource::ContentSource(const Services& services, runtime::Loop& loop, spool::StoredPtr message)
    : services_(services),
      loop_(loop),
      message_(std::move(message)),
      size_(message_->accepted.facts.size),
      eight_bit_(message_->accepted.facts.eight_bit) {}

std::optional<std::string_view> ContentSource::whole() const {
    if (message_->accepted.external || converter_) return std::nullopt;
    return message_->content;
}

runtime::Task<Result<void>> ContentSource::open_file() {
    using Opened = Result<std::unique_ptr<spool::ContentReader>>;
    std::move_only_function<Opened()> work = [this] {
        return services_.spool.open_content(message_->accepted.id);
    };
    auto opened = co_await runtime::run_blocking<Opened>(services_.disk, loop_, std::move(work));
    if (!opened) co_return std::unexpected(opened.error());
    file_ = std::move(*opened);
    co_return Result<void>();
}

runtime::Task<std::optional<ContentFault>> ContentSource::prepare(bool to_seven_bit) {
    if (message_->accepted.external) {
        if (const auto opened = co_await open_file(); !opened)
            co_return ContentFault(opened.error().message(), false);
    }
    if (!to_seven_bit || !eight_bit_) co_return std::nullopt;
    co_return co_await convert();
}

runtime::Task<std::optional<ContentFault>> ContentSource::convert() {
    protocol::SevenBitSurvey survey;
    while (true) {
        const auto chunk = co_await next_raw();
        if (!chunk) co_return ContentFault(chunk.error().message(), false);
        if (chunk->empty()) break;
        survey.feed(*chunk);
    }
    auto plan = survey.finish();
    if (!plan) co_return ContentFault(plan.error().message(), true);
    size_ = plan->size;
    eight_bit_ = false;
    converter_.emplace(std::move(*plan));
    memory_offset_ = 0;
    raw_ended_ = false;
    if (file_) file_->rewind();
    co_return std::nullopt;
}

runtime::Task<Result<std::string_view>> ContentSource::next_raw() {
    if (!message_->accepted.external) {
        const auto piece = std::string_view(message_->content).substr(memory_offset_, kChunk);
        memory_offset_ += piece.size();
        co_return piece;
    }
    chunk_.resize(kChunk);
    auto got = file_->read_now(chunk_);
    if (!got) {
        std::move_only_function<Result<std::size_t>()> work = [this] { return file_->read(chunk_); };
        got = co_await runtime::run_blocking<Result<std::size_t>>(services_.disk, loop_, std::move(work));
    }
    if (!*got) co_return std::unexpected(got->error());
    co_return std::string_view(chunk_).substr(0, **got);
}

runtime::Task<Result<std::string_view>> ContentSource::next() {
    if (!converter_) co_return co_await next_raw();
    converted_.clear();
    auto sink = [this](std::string_view piece) { converted_.append(piece); };
    while (converted_.empty() && !raw_ended_) {
        const auto chunk = co_await next_raw();
        if (!chunk) co_return std::unexpected(chunk.error());
        if (chunk->empty()) {
            raw_ended_ = true;
            if (!converter_->finish(sink))
                co_return fail("the content changed between two readings of the spool");
        } else {
            converter_->feed(*chunk, sink);
        }
    }
    co_return std::string_view(converted_);
}

}  // namespace posthouse::upstream
