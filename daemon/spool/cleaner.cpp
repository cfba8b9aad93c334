#include "daemon/spool/cleaner.h"

#include "daemon/spool/content_file.h"
#include "daemon/spool/manifest.h"

#include <algorithm>
#include <utility>

namespace posthouse::spool {
namespace {

// Carrying shares the disk and the writer with the mail that comes in: at most this much, this often.
constexpr Duration kPortionEvery{20};
constexpr std::size_t kPortionMessages = 100;
constexpr std::uint64_t kPortionBytes = 512U << 10U;

}  // namespace

Cleaner::Cleaner(FileSystem& files, const Layout& layout, std::uint64_t salt, SegmentReader& reader,
                 Gauges& gauges)
    : files_(files), layout_(layout), salt_(salt), reader_(reader), gauges_(gauges) {}

void Cleaner::add(std::vector<Chore> chores) {
    for (auto& chore : chores) {
        chores_.push_back(std::move(chore));
    }
}

void Cleaner::on_carry_wanted(CarryWanted callback) {
    carry_wanted_ = std::move(callback);
}

std::optional<TimePoint> Cleaner::step(TimePoint now) {
    for (; !chores_.empty(); chores_.pop_front()) {
        Chore& chore = chores_.front();
        if (const auto* segments = std::get_if<RemoveSegments>(&chore)) {
            remove_segments(*segments);
        } else if (const auto* contents = std::get_if<RemoveContents>(&chore)) {
            remove_contents(*contents);
        } else if (auto* ask = std::get_if<AskToCarry>(&chore)) {
            carrying_ = std::move(ask->messages);
            std::ranges::reverse(carrying_);
        }
    }
    ask_to_carry(now);
    return carrying_.empty() ? std::nullopt : std::optional(next_portion_);
}

void Cleaner::remove_segments(const RemoveSegments& chore) {
    Manifest manifest;
    manifest.first = chore.first_kept;
    manifest.salt = salt_;
    if (!write_manifest(files_, layout_, manifest)) {
        return;  // the next removal, or the next start, takes these along
    }
    for (const std::uint32_t sequence : chore.sequences) {
        reader_.forget(sequence);
        if (!files_.remove(layout_.segment(sequence)) || !files_.sync_directory(layout_.segments)) {
            return;
        }
    }
}

void Cleaner::remove_contents(const RemoveContents& chore) {
    for (const MessageId id : chore.ids) {
        const std::string path = layout_.content_of(id);
        const auto status = files_.status(path);
        if (status && *status && files_.remove(path)) {
            const std::uint64_t size =
                (*status)->size - std::min<std::uint64_t>((*status)->size, kContentFooterSize);
            // Contents of refused messages were never counted.
            std::uint64_t counted = gauges_.content_bytes.load(std::memory_order_relaxed);
            while (!gauges_.content_bytes.compare_exchange_weak(counted, counted - std::min(counted, size),
                                                                std::memory_order_relaxed)) {
            }
        }
    }
}

void Cleaner::ask_to_carry(TimePoint now) {
    if (!carry_wanted_ || carrying_.empty() || now < next_portion_) {
        return;
    }
    std::uint64_t bytes = 0;
    for (std::size_t count = 0; count < kPortionMessages && bytes < kPortionBytes && !carrying_.empty();
         ++count) {
        const auto [id, base] = carrying_.back();
        carrying_.pop_back();
        // Read here, on this thread: the writer then finds it in the page cache.
        if (const auto frame = reader_.read(base, true)) {
            bytes += frame->content.size() + kFrameHeaderSize;
            carry_wanted_(id, base);
        }
    }
    next_portion_ = now + kPortionEvery;
}

}  // namespace posthouse::spool
