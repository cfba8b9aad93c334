#include "daemon/spool/live_state.h"

#include <algorithm>
#include <cassert>

namespace posthouse::spool {
namespace {

constexpr std::uint32_t kExternalBit = 1U << 31U;

Location plain(Location packed) {
    return {packed.segment, packed.offset & ~kExternalBit};
}

}  // namespace

LiveState::Segment* LiveState::segment(std::uint32_t sequence) {
    const auto found = std::ranges::lower_bound(segments_, sequence, {}, &Segment::sequence);
    return found != segments_.end() && found->sequence == sequence ? &*found : nullptr;
}

void LiveState::segment_started(std::uint32_t sequence) {
    assert(segments_.empty() || segments_.back().sequence < sequence);
    Segment started;
    started.sequence = sequence;
    segments_.push_back(started);
}

void LiveState::segment_asked(std::uint32_t sequence) {
    if (Segment* asked = segment(sequence)) {
        asked->asked = true;
    }
}

void LiveState::segment_grown(std::uint32_t sequence, std::uint64_t end) {
    if (Segment* grown = segment(sequence)) {
        grown->bytes = end;
    }
}

void LiveState::segment_sealed(std::uint32_t sequence) {
    if (Segment* sealed = segment(sequence)) {
        sealed->sealed = true;
    }
}

void LiveState::accepted(MessageId id, Location base, bool external, std::uint64_t frame_size) {
    if (const Packed* old = messages_.find(id)) {
        drop_from(plain(old->base));
    }
    messages_.insert(id, {{base.segment, base.offset | (external ? kExternalBit : 0U)}, base});
    if (Segment* into = segment(base.segment)) {
        ++into->messages;
        ++into->live;
        into->message_bytes += frame_size;
    }
}

void LiveState::drop_from(Location base) {
    if (Segment* from = segment(base.segment)) {
        --from->live;
    }
}

void LiveState::carried(MessageId id, Location base, std::uint64_t frame_size) {
    if (const Packed* old = messages_.find(id)) {
        const Location newest = old->newest;
        const bool external = (old->base.offset & kExternalBit) != 0;
        accepted(id, base, external, frame_size);
        // Records of it may have been written behind the carried one already.
        if (newest.segment > base.segment ||
            (newest.segment == base.segment && newest.offset > base.offset)) {
            set_newest(id, newest);
        }
    }
}

std::optional<LiveState::Message> LiveState::finished(MessageId id) {
    const auto message = find(id);
    if (message) {
        drop_from(message->base);
        messages_.erase(id);
    }
    return message;
}

std::optional<LiveState::Message> LiveState::find(MessageId id) const {
    const Packed* packed = messages_.find(id);
    if (packed == nullptr) {
        return std::nullopt;
    }
    Message message;
    message.base = plain(packed->base);
    message.newest = packed->newest;
    message.external = (packed->base.offset & kExternalBit) != 0;
    return message;
}

void LiveState::set_newest(MessageId id, Location newest) {
    if (Packed* packed = messages_.find(id)) {
        packed->newest = newest;
    }
}

void LiveState::upstream_written(const std::string& upstream, std::uint32_t segment, bool whole) {
    const auto [entry, fresh] = upstreams_.try_emplace(upstream);
    if (fresh || whole) {
        entry->second.needed_from = segment;
    }
    entry->second.last_mention = segment;
}

// An upstream that is no longer configured is written no more. Its owner was asked twice since, each time
// with a whole segment's time to answer: nothing of it is needed.
bool LiveState::given_up(const Upstream& upstream) const {
    const auto unanswered = std::ranges::count_if(segments_, [&](const Segment& segment) {
        return segment.sequence > upstream.last_mention && segment.asked && segment.sealed;
    });
    return unanswered >= 2;
}

std::vector<std::uint32_t> LiveState::take_removable() {
    std::vector<std::uint32_t> removable;
    if (segments_.empty() || !segments_.front().sealed || segments_.front().live > 0) {
        return removable;  // the common case, at no cost
    }
    std::erase_if(upstreams_, [this](const auto& entry) { return given_up(entry.second); });
    std::uint32_t needed_from = segments_.back().sequence;
    for (const auto& [name, upstream] : upstreams_) {
        needed_from = std::min(needed_from, upstream.needed_from);
    }
    while (!segments_.empty()) {
        const Segment& oldest = segments_.front();
        if (!oldest.sealed || oldest.live > 0 || oldest.sequence >= needed_from) {
            break;
        }
        removable.push_back(oldest.sequence);
        segments_.pop_front();
    }
    return removable;
}

std::optional<std::uint32_t> LiveState::oldest_segment() const {
    return segments_.empty() ? std::nullopt : std::optional(segments_.front().sequence);
}

std::uint64_t LiveState::total_bytes() const {
    std::uint64_t sum = 0;
    for (const auto& segment : segments_) {
        sum += segment.bytes;
    }
    return sum;
}

std::uint64_t LiveState::live_bytes() const {
    std::uint64_t sum = 0;
    for (const auto& segment : segments_) {
        if (segment.messages > 0) {
            sum += segment.message_bytes / segment.messages * segment.live;
        }
    }
    return sum;
}

std::vector<LiveState::Lying> LiveState::all() const {
    std::vector<Lying> found;
    found.reserve(messages_.size());
    messages_.for_each(
        [&](MessageId id, const Packed& packed) { found.push_back({id, plain(packed.base)}); });
    return found;
}

std::vector<LiveState::Lying> LiveState::lying_in(std::uint32_t segment) const {
    std::vector<Lying> found;
    messages_.for_each([&](MessageId id, const Packed& packed) {
        if (packed.base.segment == segment) {
            found.push_back({id, plain(packed.base)});
        }
    });
    std::ranges::sort(found, {}, [](const Lying& lying) { return lying.base.offset; });
    return found;
}

}  // namespace posthouse::spool
