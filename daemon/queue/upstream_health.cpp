#include "daemon/queue/upstream_health.h"

#include <algorithm>
#include <utility>

namespace posthouse::queue {

UpstreamHealth::UpstreamHealth(std::vector<Duration> recovery) : recovery_(std::move(recovery)) {}

std::optional<UpstreamHealth::Pause> UpstreamHealth::pause(std::string reason, bool needs_transaction,
                                                           TimePoint now) {
    if (state_ == State::Paused) return std::nullopt;
    const std::size_t step = std::min<std::size_t>(failures_, recovery_.size() - 1);
    const Pause pause{now + recovery_[step], state_ == State::Open};
    ++failures_;
    state_ = State::Paused;
    until_ = pause.until;
    reason_ = std::move(reason);
    needs_transaction_ |= needs_transaction;  // trouble of another kind in between does not refute it
    broken_in_row_ = 0;
    return pause;
}

std::optional<UpstreamHealth::Pause> UpstreamHealth::connection_failed(std::string reason, TimePoint now) {
    return pause(std::move(reason), false, now);
}

std::optional<UpstreamHealth::Pause> UpstreamHealth::account_refused(std::string reason, TimePoint now) {
    return pause(std::move(reason), true, now);
}

std::optional<UpstreamHealth::Pause> UpstreamHealth::transaction_broke_off(std::string reason,
                                                                           TimePoint now) {
    if (state_ == State::Probing) return std::nullopt;  // it began before the pause
    if (state_ == State::Open && ++broken_in_row_ < kBrokenInRow) return std::nullopt;
    return pause(std::move(reason), true, now);
}

void UpstreamHealth::open() {
    state_ = State::Open;
    until_ = TimePoint{};
    reason_.clear();
    failures_ = 0;
    broken_in_row_ = 0;
    needs_transaction_ = false;
}

bool UpstreamHealth::connection_ready() {
    if (state_ != State::Probing) return false;
    if (needs_transaction_) {
        state_ = State::Trial;
        return false;
    }
    open();
    return true;
}

bool UpstreamHealth::transaction_decided() {
    broken_in_row_ = 0;
    // A transaction that began before the pause says nothing about what came after it.
    if (state_ != State::Trial) return false;
    open();
    return true;
}

bool UpstreamHealth::wake(TimePoint now) {
    if (state_ != State::Paused || now < until_) return false;
    state_ = State::Probing;
    return true;
}

void UpstreamHealth::save(spool::UpstreamState& state) const {
    state.paused_until = until_;
    state.failures_in_row = failures_;
    state.reason = reason_;
}

void UpstreamHealth::restore(const spool::UpstreamState& state) {
    open();
    if (state.paused_until == TimePoint{}) return;
    state_ = State::Paused;
    until_ = state.paused_until;
    failures_ = state.failures_in_row;
    reason_ = state.reason;
}

void UpstreamHealth::bound_pause(TimePoint now) {
    if (state_ != State::Paused) return;
    until_ = std::min(until_, now + *std::ranges::max_element(recovery_));
}

}  // namespace posthouse::queue
