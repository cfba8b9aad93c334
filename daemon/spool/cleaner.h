// Cleaner: does the writer's chores in the background: removes segments and contents that are not needed any
// more, and asks the owner of the queue, in small portions, to carry live messages out of the oldest segment.
//
// Steppable: cleaner_thread in spool.cpp calls step(), tests do so themselves. Order matters: the manifest
// gives a segment up before its file goes, and files go oldest first, each durably, so that after any crash
// what is left is the newest part of the row. A chore that fails is left for the next start, which removes
// what the manifest has given up and contents that nobody names.
//
// One owner; blocking.
#pragma once

#include "daemon/spool/file_system.h"
#include "daemon/spool/layout.h"
#include "daemon/spool/segment_reader.h"
#include "daemon/spool/writer.h"
#include "protocol/time.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

namespace posthouse::spool {

using CarryWanted = std::move_only_function<void(MessageId, Location)>;

class Cleaner {
  public:
    Cleaner(FileSystem& files, const Layout& layout, std::uint64_t salt, SegmentReader& reader,
            Gauges& gauges);

    void add(std::vector<Chore> chores);
    void on_carry_wanted(CarryWanted callback);
    // Does what is to be done now; the answer is when to come again, nothing if there is nothing left.
    std::optional<TimePoint> step(TimePoint now);

  private:
    void remove_segments(const RemoveSegments& chore);
    void remove_contents(const RemoveContents& chore);
    void ask_to_carry(TimePoint now);

    FileSystem& files_;
    const Layout& layout_;
    std::uint64_t salt_;
    SegmentReader& reader_;
    Gauges& gauges_;
    CarryWanted carry_wanted_;
    std::deque<Chore> chores_;
    std::vector<LiveState::Lying> carrying_;  // the next one at the back
    TimePoint next_portion_{};
};

}  // namespace posthouse::spool
