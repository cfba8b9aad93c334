// Standings: what recovery remembers, while it reads, of messages that were already tried: compactly, as the
// places of the records that say it. resolve() reads those again.
//
// One owner.
#pragma once

#include "daemon/spool/compact_map.h"
#include "daemon/spool/record.h"
#include "daemon/spool/segment_reader.h"
#include "daemon/spool/spool.h"

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace posthouse::spool {

class Standings {
  public:
    void attempted(const Attempt& attempt);
    void settled(const Outcome& outcome, Location at);
    void forget(MessageId id);  // finished, or carried: what was known is replaced

    // Applies what is known to a message as its Accepted or Carried record gives it.
    [[nodiscard]] Result<void> resolve(Recovered& message, SegmentReader& reader);

  private:
    struct Known {
        Location first;  // Outcome that last touched recipient 0
        TimePoint next_due{};
        std::uint32_t attempts = 0;
        bool others = false;  // there are recipients in others_
    };
    struct Touched {
        std::uint16_t index = 0;
        Location at;
    };
    Known& known(MessageId id);

    CompactMap<Known> known_;
    std::unordered_map<MessageId, std::vector<Touched>> others_;
};

}  // namespace posthouse::spool
