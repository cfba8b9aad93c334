// Queue: the messages that are not finished, and who may be relayed where and when. The single owner of
// scheduling.
//
// Knows no sockets and no clock: time comes in as `now`, durable records go out through Journal, everything
// the outside must do or show goes out through Observer. One thread owns it (the queue's loop); no locks.
//
// A connection that is ready asks with take(); the queue answers with the next message for that upstream, or
// nothing. Connection failures are therefore no attempts of any message: they pause the upstream (design.md,
// promise 4). Waiting for quota is no attempt either.
//
// Time: `now` is what daemon/runtime's clock gives: wall time anchored to the steady clock, so that a wall
// clock that is set while we run neither expires the queue at once nor freezes it. A `now` before the
// greatest one seen counts as that one.
//
// Attempts are transactions: connections that fail, quota waits and given-back assignments are none. A
// transaction that the server ends by 421 is one, and is tried again after a second (twice in a row, then by
// the schedule). Three in a row on one upstream that end by 421 or a lost connection before any decision, or
// 530/534/535/538 at MAIL, are trouble of the upstream: it is paused (upstream_health.h).
//
// First fit in order: a message belongs to the first upstream of its route that is neither paused, nor out of
// quota, nor unable to take it (size); `busy` (all connections in use) is not a reason to go to the next one.
#pragma once

#include "config/schema.h"
#include "daemon/queue/event.h"
#include "daemon/spool/spool.h"
#include "protocol/client_dialogue.h"
#include "protocol/time.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace posthouse::queue {

using UpstreamIndex = std::uint32_t;  // into Settings::upstreams

// The queue's view of the spool. `done` runs on the queue's thread, later, never inside append().
class Journal {
  public:
    virtual ~Journal() = default;
    virtual void append(spool::Record record, spool::Durability durability, spool::AppendDone done) = 0;
    virtual void carry(spool::Carried state, spool::Location from, spool::AppendDone done) = 0;
};

// A message handed to a connection. `ticket` names it until settle() or give_back().
struct Assignment {
    std::uint64_t ticket = 0;
    spool::MessageId id;
    UpstreamIndex upstream = 0;
    spool::StoredPtr stored;  // still in memory; null: read it at `location`
    spool::Location location;
    std::vector<std::uint16_t> recipients;  // indexes into the envelope, ascending, at most max_recipients
    std::uint32_t attempt = 1;
};

// Called once per take() that gave an assignment, on the queue's thread, possibly before take() returns: true
// means the attempt is recorded as it must be and may begin; false means it could not be recorded: the
// message is back in the queue, the ticket is void. It must not call back into the queue.
using AttemptRecorded = std::move_only_function<void(bool recorded)>;

// A connection to an upstream could not be made or used (before any MAIL).
struct ConnectionFailure {
    protocol::Stage stage = protocol::Stage::Connect;
    protocol::Reply reply;  // code 0: the server said nothing
    std::string reason;     // a sentence with a remedy
    bool login_refused = false;
};

struct BounceRequest {
    spool::MessageId id;
    spool::Location location;                     // Accepted or Carried: envelope and content
    spool::StoredPtr stored;                      // if still in memory
    std::vector<spool::RecipientOutcome> failed;  // those to report: Failed or Expired, NOTIFY permitting
    std::string upstream;                         // remote MTA, empty on expiry
};

// What the queue asks of, and tells, the outside. Called on the queue's thread; must not call back into the
// queue.
class Observer {
  public:
    virtual ~Observer() = default;
    // Messages wait that this upstream may take now: wake idle connections, and open new ones up to
    // connections_wanted(). Comes only when there may be too few at work; a connection that is ready, or has
    // settled, asks take() by itself, and when one ends connections_wanted() is to be asked again. With a
    // pause just over it calls for the one probe, whether or not mail waits. The full rule is in queue_impl.h
    // ("Waking").
    virtual void work_available(UpstreamIndex upstream, std::size_t ready) = 0;
    // Build the bounce and put it into the spool and queue; then call bounce_stored(). Said once per run:
    // whoever hears it keeps trying until the bounce is stored.
    virtual void bounce_wanted(BounceRequest request) = 0;
    // A message is finished: its external content may be removed once the record is durable (the spool does
    // it).
    virtual void on_event(const Event& event) = 0;
};

enum class Waiting : std::uint8_t { Ready, Retry, Quota, Paused, InFlight, Bouncing, Held };

// One row for `queue list`; addresses are in the spool, at `location`.
struct View {
    spool::MessageId id;
    spool::Location location;
    spool::Location newest;
    TimePoint accepted_at{};
    TimePoint due{};  // earliest time it can leave, as far as known
    TimePoint expires_at{};
    std::uint32_t attempts = 0;
    std::uint16_t recipients_pending = 0;
    Waiting waiting = Waiting::Ready;
    std::string route;  // names of the upstreams of its route, in order: "ses, gmail"
};

struct UpstreamView {
    std::string name;
    TimePoint paused_until{};  // epoch: open
    std::string reason;
    std::uint32_t failures_in_row = 0;
    std::size_t in_flight = 0;
    std::size_t ready = 0;  // waiting for it right now
    struct LimitView {
        config::Limit limit;
        std::uint64_t used = 0;
        TimePoint next_free{};
    };
    std::vector<LimitView> limits;
};

class Queue {
  public:
    Queue(std::shared_ptr<const config::Settings> settings, Journal& journal, Observer& observer,
          std::uint64_t random_seed, std::size_t hot_bytes = 4U << 20U);
    ~Queue();
    Queue(const Queue&) = delete;
    Queue& operator=(const Queue&) = delete;

    // Recovery, before anything else; `now` is the start. Unknown upstreams (renamed in the configuration)
    // are dropped from the state, with an event. Neither journal nor bounces are used before the first
    // tick().
    void recover_charge(const spool::Attempt& attempt);
    void recover_upstream(const spool::UpstreamState& state);
    void recover_message(spool::Recovered message, TimePoint now);

    // A message that is durable. Same call for bounces.
    void add(const spool::StoredPtr& message, spool::Location location, TimePoint now);

    // The next message for a ready connection of this upstream. Nothing: wait for work_available().
    std::optional<Assignment> take(UpstreamIndex upstream, TimePoint now, AttemptRecorded recorded);
    void settle(std::uint64_t ticket, const protocol::TransactionResult& result, TimePoint now);
    // No result of the upstream (shutdown, content unreadable): back into the queue, no attempt counted. What
    // was charged to the limits stays charged: whether the provider saw MAIL cannot be told here. `retry_at`:
    // not before this time (a disk error), else at once. `reason` is for the event.
    void give_back(std::uint64_t ticket, std::string reason, std::optional<TimePoint> retry_at,
                   TimePoint now);

    void connection_failed(UpstreamIndex upstream, const ConnectionFailure& failure, TimePoint now);
    void connection_ready(UpstreamIndex upstream, TimePoint now);  // greeting, TLS and login worked
    void bounce_stored(spool::MessageId id, TimePoint now);

    // Moves what is due, expires what is old, ends pauses. Call at next_wake(); calling early or late is
    // safe.
    void tick(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> next_wake() const;

    // Spool callbacks, forwarded to this thread.
    void write_upstream_states(TimePoint now);
    void carry(spool::MessageId id, spool::Location from, const spool::Stored& content);

    [[nodiscard]] std::size_t size() const;  // messages not finished
    [[nodiscard]] std::size_t in_flight() const;
    [[nodiscard]] std::size_t in_flight(UpstreamIndex upstream) const;
    // May another connection be opened now? False while paused, except for one probe when the pause is over.
    [[nodiscard]] std::size_t connections_wanted(UpstreamIndex upstream, TimePoint now) const;
    [[nodiscard]] std::vector<View> list(spool::MessageId after, std::size_t limit, TimePoint now) const;
    [[nodiscard]] std::optional<View> find(spool::MessageId id, TimePoint now) const;
    [[nodiscard]] std::vector<UpstreamView> upstreams(TimePoint now) const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace posthouse::queue
