// InspectLines: the lines that `spool verify` and `spool dump` print, as text or as JSON. Octets of peers are
// escaped: what a client sent never reaches a terminal as it is.
#pragma once

#include "daemon/spool/message_id.h"
#include "daemon/spool/record.h"
#include "daemon/spool/spool_inspect.h"

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

namespace posthouse::spool {

[[nodiscard]] std::optional<MessageId> message_of(const Record& record);

class InspectLines {
  public:
    InspectLines(InspectFormat format, std::ostream& out) : format_(format), out_(out) {}

    void problem(const std::string& file, std::uint64_t offset, std::uint64_t length,
                 const std::string& reason);
    void record(Location at, std::uint64_t length, const Record& record, std::uint32_t content_size);
    void summary(const InspectSummary& summary);

  private:
    InspectFormat format_;
    std::ostream& out_;
};

}  // namespace posthouse::spool
