#include "daemon/app/relay.h"

#include "daemon/app/event_log.h"
#include "daemon/upstream/connection.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <chrono>
#include <utility>

namespace posthouse::app {
namespace {

using config::LogLevel;

constexpr std::chrono::seconds kDrain{20};    // for running transactions after a stop was asked for
constexpr std::chrono::seconds kLastWait{5};  // for connections that were cut; a name look-up may still hang
constexpr std::chrono::milliseconds kDrainCheck{20};
constexpr std::chrono::milliseconds kLogDelay{100};

std::uint64_t random_seed() {
    std::uint64_t seed = 0;
    RAND_bytes(reinterpret_cast<unsigned char*>(&seed), sizeof seed);  // OpenSSL's interface wants octets
    return seed;
}

}  // namespace

Relay::Relay(std::shared_ptr<const config::Settings> settings, const runtime::Clock& clock, runtime::Log& log)
    : settings_(std::move(settings)),
      clock_(clock),
      log_(log),
      loops_(settings_->io_threads),
      queue_loop_(loops_.at(0)),
      journal_(queue_loop_),
      queue_timer_(queue_loop_.io()),
      drain_timer_(queue_loop_.io()),
      log_timer_(queue_loop_.io()) {}

Relay::~Relay() {
    log_.on_waiting(nullptr);
}

Result<void> Relay::open() {
    for (std::size_t i = 0; i < loops_.size(); ++i) {
        clients_.push_back(std::make_unique<submission::LoopConnections>(loops_.at(i)));
        upstreams_.push_back(std::make_unique<upstream::LoopConnections>(loops_.at(i)));
    }
    if (auto opened = open_spool(); !opened) return opened;
    submission_services_ = std::make_unique<submission::Services>(
        submission::Services{settings_, nullptr, std::nullopt, *spool_, clock_, log_, disk_, hashing_,
                             buffered_, [this](spool::StoredPtr message, spool::Location location) {
                                 hand_over(std::move(message), location);
                             }});
    upstream_services_ =
        std::make_unique<upstream::Services>(upstream::Services{settings_, {}, *spool_, clock_, log_, disk_});
    if (auto loaded = load_users(); !loaded) return loaded;
    if (auto made = make_tls(); !made) return made;
    dispatcher_ = std::make_unique<upstream::Dispatcher>(*upstream_services_, *queue_, queue_loop_,
                                                         upstreams_, [this] { arm_queue_timer(); });
    bouncer_ = std::make_unique<Bouncer>(settings_, *spool_, *queue_, queue_loop_, disk_, clock_, log_);
    connect_spool_callbacks();
    if (auto opened = open_listeners(); !opened) return opened;
    admin_ = std::make_unique<admin::Server>(admin::Services{settings_, *queue_, *spool_, clock_, log_, disk_,
                                                             queue_loop_, [this] { return !draining_; }});
    return admin_->open();
}

Result<void> Relay::load_users() {
    const auto& file = settings_->clients.users_file;
    if (file.empty()) {
        submission_services_->users = std::make_shared<const config::UsersFile>();
        return {};
    }
    auto loaded = config::UsersFile::load(file);
    if (!loaded) return fail(config::to_string(loaded.error()));
    submission_services_->users = std::make_shared<const config::UsersFile>(std::move(*loaded));
    return {};
}

Result<void> Relay::make_tls() {
    if (!settings_->tls.certificate.empty()) {
        auto context = net::make_server_context(settings_->tls);
        if (!context) return std::unexpected(context.error());
        submission_services_->tls = std::move(*context);
    }
    // The system's authorities take a megabyte and a tenth of a second to load: upstreams that verify alike
    // share.
    auto& contexts = upstream_services_->tls;
    for (const auto& upstream : settings_->upstreams) {
        contexts.emplace_back();
        if (upstream.tls == config::TlsMode::None) continue;
        for (std::size_t i = 0; i + 1 < contexts.size() && !contexts.back(); ++i) {
            if (settings_->upstreams[i].verify == upstream.verify) contexts.back() = contexts[i];
        }
        if (contexts.back()) continue;
        auto context = net::make_client_context(upstream.verify);
        if (!context) return fail(fmt::format("upstream {}: {}", upstream.name, context.error().message()));
        contexts.back() = std::move(*context);
    }
    return {};
}

Result<void> Relay::open_spool() {
    spool::Options options;
    options.path = settings_->spool.path.string();
    options.min_free = settings_->spool.min_free;
    options.max_size = settings_->spool.max_size;
    files_ = std::make_unique<spool::PosixFileSystem>();
    queue::Observer& observer = *this;
    queue_ = std::make_unique<queue::Queue>(settings_, journal_, observer, random_seed());
    spool::RecoveryReport report;
    auto opened = spool::Spool::open(*files_, std::move(options), *this, report);
    if (!opened) return std::unexpected(opened.error());
    spool_ = std::move(*opened);
    journal_.attach(*spool_);
    report_recovery(report);
    return {};
}

void Relay::report_recovery(const spool::RecoveryReport& report) {
    for (const auto& damage : report.damage) {
        log_.write(LogLevel::Error, "spool_damage",
                   {{"file", damage.file},
                    {"offset", damage.offset},
                    {"length", damage.length},
                    {"reason", damage.reason},
                    {"advice",
                     "the octets were set aside in the folder `damaged` of the spool; keep it and see "
                     "docs/spool-format.md"}});
    }
    log_.write(LogLevel::Info, "spool_opened",
               {{"path", settings_->spool.path.string()},
                {"queued", report.live},
                {"records", report.records},
                {"bytes", report.bytes},
                {"clean_stop", report.clean_stop ? "yes" : "no"},
                {"torn_tail", report.torn_tail}});
}

void Relay::connect_spool_callbacks() {
    spool_->on_segment_started(
        [this] { queue_loop_.post([this] { queue_->write_upstream_states(clock_.now()); }); });
    spool_->on_carry_wanted([this](spool::MessageId id, spool::Location from) {
        queue_loop_.post([this, id, from] { carry(id, from); });
    });
}

// The cleaner wants an old message moved: its content is read on a disk thread, its state comes from the
// queue.
void Relay::carry(spool::MessageId id, spool::Location from) {
    disk_.submit([this, id, from] {
        auto message = spool_->read_message(from);
        queue_loop_.post([this, id, from, message = std::move(message)] {
            if (message) {
                queue_->carry(id, from, **message);
            } else {
                log_.write(LogLevel::Error, "carry_failed",
                           {{"msg", to_string(id)}, {"reason", message.error().message()}});
            }
        });
    });
}

Result<void> Relay::open_listeners() {
    const auto& clients = settings_->clients;
    admission_ =
        std::make_unique<submission::Admission>(clients.max_connections, clients.max_connections_per_address);
    for (const auto& listener : settings_->listeners) {
        listeners_.push_back(
            std::make_unique<submission::Listener>(*submission_services_, *admission_, clients_, listener));
        if (auto opened = listeners_.back()->open(); !opened) return opened;
    }
    return {};
}

std::vector<config::Endpoint> Relay::endpoints() const {
    std::vector<config::Endpoint> endpoints;
    endpoints.reserve(listeners_.size());
    for (const auto& listener : listeners_)
        endpoints.push_back(listener->bound_endpoint());
    return endpoints;
}

bool Relay::run() {
    log_.on_waiting([this] {
        queue_loop_.post([this] {
            log_timer_.expires_after(kLogDelay);
            log_timer_.async_wait([this](const boost::system::error_code& cancelled) {
                if (!cancelled) log_.flush();
            });
        });
    });
    queue_loop_.post([this] {
        for (auto& listener : listeners_)
            listener->start();
        admin_->start();
        queue_->tick(clock_.now());
        arm_queue_timer();
        log_.write(LogLevel::Info, "ready", {{"hostname", settings_->hostname}, {"queued", queue_->size()}});
        log_.flush();
    });
    loops_.run();
    log_.on_waiting(nullptr);
    // Everything that runs on the loops has ended; what the spool still has to write is written by its
    // destructor.
    const bool clean = drained();
    if (clean) journal_.append(spool::Stopped{clock_.now()}, spool::Durability::Synced, {});
    log_.write(LogLevel::Info, "stopped", {{"queued", queue_->size()}});
    log_.flush();
    return clean;
}

void Relay::leave() {
    spool_.reset();
}

void Relay::request_stop() {
    const int earlier = stop_requests_.fetch_add(1);
    queue_loop_.post([this, earlier] {
        if (earlier == 0) begin_drain();
        if (earlier == 1) drain_until_ = clock_.now();
    });
}

void Relay::begin_drain() {
    draining_ = true;
    log_.write(LogLevel::Info, "stopping",
               {{"clients", admission_->connections()}, {"in_flight", queue_->in_flight()}});
    for (auto& listener : listeners_)
        listener->stop();
    admin_->stop();
    for (auto& on : clients_) {
        on->loop.dispatch([&on] {
            for (auto* connection : on->open)
                connection->shut_down();
        });
    }
    dispatcher_->stop();
    drain_until_ = clock_.now() + kDrain;
    watch_drain();
}

bool Relay::drained() const {
    return admission_->connections() == 0 && dispatcher_->connections() == 0 && bouncer_->in_work() == 0;
}

void Relay::watch_drain() {
    if (drained()) {
        loops_.stop_all();
        return;
    }
    const auto now = clock_.now();
    if (now >= drain_until_ + kLastWait) {
        log_.write(LogLevel::Warning, "stop_forced", {{"clients", admission_->connections()}});
        loops_.stop_all();
        return;
    }
    if (now >= drain_until_ && !abandoned_) {
        abandoned_ = true;
        abandon_connections();
    }
    drain_timer_.expires_after(kDrainCheck);
    drain_timer_.async_wait([this](const boost::system::error_code& cancelled) {
        if (!cancelled) watch_drain();
    });
}

void Relay::abandon_connections() {
    for (auto& on : clients_) {
        on->loop.dispatch([&on] {
            for (auto* connection : on->open)
                connection->abandon();
        });
    }
    for (auto& on : upstreams_) {
        on->loop.dispatch([&on] {
            for (auto* connection : on->open)
                connection->abandon();
        });
    }
}

void Relay::hand_over(spool::StoredPtr message, spool::Location location) {
    queue_loop_.dispatch([this, message = std::move(message), location]() mutable {
        queue_->add(message, location, clock_.now());
        arm_queue_timer();
    });
}

void Relay::arm_queue_timer() {
    const auto wake = queue_->next_wake().value_or(TimePoint::max());
    if (wake >= timer_at_ || wake == TimePoint::max())
        return;  // a timer that is too early only looks once more
    timer_at_ = wake;
    queue_timer_.expires_after(std::max(Duration{0}, wake - clock_.now()));
    queue_timer_.async_wait([this](const boost::system::error_code& cancelled) {
        if (cancelled) return;
        timer_at_ = TimePoint::max();
        queue_->tick(clock_.now());
        arm_queue_timer();
    });
}

void Relay::work_available(queue::UpstreamIndex upstream, std::size_t) {
    if (dispatcher_) dispatcher_->work_available(upstream);
}

void Relay::bounce_wanted(queue::BounceRequest request) {
    bouncer_->make(std::move(request));
}

void Relay::on_event(const queue::Event& event) {
    write_event(log_, event);
}

void Relay::on_charge(const spool::Attempt& attempt) {
    queue_->recover_charge(attempt);
}

void Relay::on_upstream_state(spool::UpstreamState&& state) {
    queue_->recover_upstream(state);
}

void Relay::on_message(spool::Recovered&& message) {
    queue_->recover_message(std::move(message), clock_.now());
}

}  // namespace posthouse::app
