// LiveState: which messages are not finished, where they lie, and so which segments are still needed.
//
// Everything told to it must be durable. Segments go from the oldest on only: a segment goes when no live
// message begins in it or before it, and when everything known of every upstream stands in newer ones.
//
// Pure; about 30 octets per live message. Owner: the writer thread (recovery before it).
#pragma once

#include "daemon/spool/compact_map.h"
#include "daemon/spool/message_id.h"
#include "daemon/spool/record.h"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace posthouse::spool {

class LiveState {
  public:
    struct Message {
        Location base;    // Accepted or Carried
        Location newest;  // newest record
        bool external = false;
    };

    // Segments, in rising order. Asked: its start was announced to the owner of the upstreams' state.
    void segment_started(std::uint32_t sequence);
    void segment_asked(std::uint32_t sequence);
    void segment_grown(std::uint32_t sequence, std::uint64_t end);
    void segment_sealed(std::uint32_t sequence);

    // `frame_size`: of the frame at `base`.
    void accepted(MessageId id, Location base, bool external, std::uint64_t frame_size);
    void carried(MessageId id, Location base, std::uint64_t frame_size);
    // Nothing if it was not live.
    std::optional<Message> finished(MessageId id);
    [[nodiscard]] std::optional<Message> find(MessageId id) const;
    void set_newest(MessageId id, Location newest);

    // A charge of an upstream (`whole` false) or its state as a whole.
    void upstream_written(const std::string& upstream, std::uint32_t segment, bool whole);

    // The segments that are not needed any more, oldest first; they are forgotten here.
    [[nodiscard]] std::vector<std::uint32_t> take_removable();
    [[nodiscard]] std::optional<std::uint32_t> oldest_segment() const;
    [[nodiscard]] std::uint64_t total_bytes() const;
    // Estimated from the mean size of a segment's messages.
    [[nodiscard]] std::uint64_t live_bytes() const;
    [[nodiscard]] std::size_t live() const { return messages_.size(); }
    [[nodiscard]] std::size_t segments() const { return segments_.size(); }

    struct Lying {
        MessageId id;
        Location base;
    };
    // Live messages that begin in this segment, by offset.
    [[nodiscard]] std::vector<Lying> lying_in(std::uint32_t segment) const;

    [[nodiscard]] std::vector<Lying> all() const;

    void reserve(std::size_t messages) { messages_.reserve(messages); }
    [[nodiscard]] std::size_t table_bytes() const { return messages_.bytes(); }

  private:
    // kExternalBit of base.offset says that the content has a file of its own: segments stay far below 2 GiB.
    struct Packed {
        Location base, newest;
    };
    struct Segment {
        std::uint32_t sequence = 0;
        bool asked = false;
        bool sealed = false;
        std::uint64_t bytes = 0;
        std::uint64_t message_bytes = 0;
        std::uint32_t messages = 0;
        std::uint32_t live = 0;
    };
    struct Upstream {
        std::uint32_t needed_from = 0;  // its newest state as a whole, or the first charge if it has none
        std::uint32_t last_mention = 0;
    };
    [[nodiscard]] Segment* segment(std::uint32_t sequence);
    [[nodiscard]] bool given_up(const Upstream& upstream) const;
    void drop_from(Location base);

    mutable CompactMap<Packed> messages_;
    std::deque<Segment> segments_;
    std::map<std::string, Upstream> upstreams_;
};

}  // namespace posthouse::spool
