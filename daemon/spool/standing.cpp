#include "daemon/spool/standing.h"

#include <algorithm>
#include <optional>

namespace posthouse::spool {

Standings::Known& Standings::known(MessageId id) {
    Known* existing = known_.find(id);
    return existing != nullptr ? *existing : known_.insert(id, Known{});
}

void Standings::attempted(const Attempt& attempt) {
    Known& message = known(attempt.id);
    message.attempts = std::max(message.attempts, attempt.number);
    message.next_due = attempt.next_due;
}

void Standings::settled(const Outcome& outcome, Location at) {
    Known& message = known(outcome.id);
    message.next_due = outcome.next_due;
    for (const auto& recipient : outcome.recipients) {
        if (recipient.index == 0) {
            message.first = at;
            continue;
        }
        message.others = true;
        auto& touched = others_[outcome.id];
        const auto found = std::ranges::find(touched, recipient.index, &Touched::index);
        if (found != touched.end()) {
            found->at = at;
        } else {
            touched.push_back({recipient.index, at});
        }
    }
}

void Standings::forget(MessageId id) {
    if (const Known* message = known_.find(id)) {
        if (message->others) {
            others_.erase(id);
        }
        known_.erase(id);
    }
}

Result<void> Standings::resolve(Recovered& message, SegmentReader& reader) {
    const Known* known = known_.find(message.accepted.id);
    if (known == nullptr) {
        return {};
    }
    message.attempts = std::max(message.attempts, known->attempts);
    message.next_due = known->next_due;
    std::vector<Touched> places;
    if (known->first.valid()) {
        places.push_back({0, known->first});
    }
    if (known->others) {
        const auto& others = others_[message.accepted.id];
        places.insert(places.end(), others.begin(), others.end());
    }
    std::optional<ReadFrame> frame;
    Location loaded;
    for (const Touched& place : places) {
        if (!frame || loaded != place.at) {
            auto read = reader.read(place.at, false);
            if (!read) {
                return std::unexpected(read.error());
            }
            frame = std::move(*read);
            loaded = place.at;
        }
        const auto* outcome = std::get_if<Outcome>(&frame->record);
        if (outcome == nullptr || place.index >= message.recipients.size()) {
            continue;
        }
        for (const auto& recipient : outcome->recipients) {
            if (recipient.index == place.index) {
                message.recipients[place.index] = {recipient.state, recipient.reply};
            }
        }
    }
    return {};
}

}  // namespace posthouse::spool
