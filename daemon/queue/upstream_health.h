// UpstreamHealth: does this upstream take mail, or is it paused after trouble, and how does it come back.
//
//   Open     --trouble-->                     Paused until now + recovery[failures in a row]
//   Paused   --the time has come-->           Probing: exactly one connection may be made
//   Probing  --connection works-->            Open, if the trouble was with connections; else Trial
//   Trial    --a transaction is decided-->    Open: one message at a time until then
//   Probing, Trial --trouble again-->         Paused, one step further in `recovery`; the last one repeats
//
// Trouble is: a connection that could not be made or logged in; a transaction that was refused for reasons of
// the account (530 at MAIL); or kBrokenInRow transactions in a row that ended by 421 or a lost connection
// before any recipient was decided. The last two need Trial: their connections work, so only a transaction
// can tell.
//
// More failures during a pause, of connections that were under way, change nothing: they belong to the same
// outage. An outage lasts from the first pause to Open; only its first pause is marked `first` (one alert per
// outage).
//
// Pure; one owner. RFC 5321 4.5.4.1 asks for patience; the steps are the configuration's (`recovery`).
#pragma once

#include "daemon/spool/record.h"
#include "protocol/time.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace posthouse::queue {

class UpstreamHealth {
  public:
    enum class State : std::uint8_t { Open, Paused, Probing, Trial };
    struct Pause {
        TimePoint until{};
        bool first = false;  // of its outage
    };

    // Transactions in a row that may break off undecided before that counts as trouble.
    static constexpr std::uint32_t kBrokenInRow = 3;

    explicit UpstreamHealth(std::vector<Duration> recovery);  // not empty

    // Each gives the pause that begins now, or nothing.
    std::optional<Pause> connection_failed(std::string reason, TimePoint now);
    std::optional<Pause> account_refused(std::string reason, TimePoint now);
    std::optional<Pause> transaction_broke_off(std::string reason, TimePoint now);

    // True if the upstream is Open again by this.
    bool connection_ready();
    bool transaction_decided();
    // Ends a pause whose time has come: true if it is Probing from now on.
    bool wake(TimePoint now);

    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] TimePoint paused_until() const { return until_; }  // epoch: Open; may have passed
    [[nodiscard]] std::uint32_t failures_in_row() const { return failures_; }
    [[nodiscard]] const std::string& reason() const { return reason_; }

    // Fills the fields of health, and reads them back. Whatever was under way when they were written, the
    // return begins with a probe.
    void save(spool::UpstreamState& state) const;
    void restore(const spool::UpstreamState& state);
    // After a restart: no pause is longer than the longest of `recovery`, though the clock may have been set
    // back.
    void bound_pause(TimePoint now);

  private:
    std::optional<Pause> pause(std::string reason, bool needs_transaction, TimePoint now);
    void open();

    std::vector<Duration> recovery_;
    State state_ = State::Open;
    TimePoint until_{};
    std::string reason_;
    std::uint32_t failures_ = 0;
    std::uint32_t broken_in_row_ = 0;
    bool needs_transaction_ = false;
};

}  // namespace posthouse::queue
