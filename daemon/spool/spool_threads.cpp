#include "daemon/spool/spool_threads.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace posthouse::spool {
namespace {

constexpr std::uint32_t kLongestPause = 64;
constexpr Duration kLinger{1};

}  // namespace

SpoolThreads::SpoolThreads(Writer& writer, Cleaner& cleaner, const runtime::Clock& clock, Duration gather,
                           const std::atomic<std::int64_t>& open_transactions)
    : writer_(writer),
      cleaner_(cleaner),
      clock_(clock),
      gather_(gather),
      open_transactions_(open_transactions) {
    cleaner_thread_ = std::thread([this] { clean_loop(); });
    writer_thread_ = std::thread([this] { write_loop(); });
}

SpoolThreads::~SpoolThreads() {
    {
        const std::lock_guard guard(mutex_);
        stopping_ = true;
        writer_wakes_.notify_one();
    }
    writer_thread_.join();
    {
        const std::lock_guard guard(cleaner_mutex_);
        cleaner_stopping_ = true;
        cleaner_wakes_.notify_one();
    }
    cleaner_thread_.join();
}

void SpoolThreads::push(Entry entry) {
    bool wake = false;
    {
        const std::lock_guard guard(mutex_);
        const bool synced = entry.durability == Durability::Synced;
        const bool awaited = synced || entry.done;
        waiting_synced_ += synced ? 1 : 0;
        waiting_awaited_ += awaited ? 1 : 0;
        waiting_.push_back(std::move(entry));
        wake = sleep_ == Sleep::Idle || (sleep_ == Sleep::Lingering && awaited) ||
               (sleep_ == Sleep::Gathering && waiting_synced_ >= wake_at_synced_);
        if (wake) sleep_ = Sleep::Awake;  // one wake-up is enough
    }
    if (wake) writer_wakes_.notify_one();  // outside the lock, or the writer would wake only to wait for it
}

void SpoolThreads::with_writer(std::move_only_function<void(Writer&)> function) {
    const std::lock_guard guard(mutex_);
    writer_calls_.push_back(std::move(function));
    sleep_ = Sleep::Awake;
    writer_wakes_.notify_one();
}

void SpoolThreads::with_cleaner(std::move_only_function<void(Cleaner&)> function) {
    const std::lock_guard guard(cleaner_mutex_);
    cleaner_calls_.push_back(std::move(function));
    cleaner_wakes_.notify_one();
}

void SpoolThreads::wait_until(std::condition_variable& condition, Lock& lock, std::optional<TimePoint> until,
                              TimePoint now) {
    if (until) {
        condition.wait_until(lock, runtime::steady_now() + std::max(*until - now, Duration{0}));
    } else {
        condition.wait(lock);
    }
}

// Called with nothing but records that nobody waits for: company is likely to come within a moment.
void SpoolThreads::linger(Lock& lock) {
    const auto end = runtime::steady_now() + kLinger;
    sleep_ = Sleep::Lingering;
    while (sleep_ == Sleep::Lingering && !stopping_ &&
           writer_wakes_.wait_until(lock, end) == std::cv_status::no_timeout) {
    }
    sleep_ = Sleep::Awake;
}

// Called with messages waiting for a sync.
void SpoolThreads::gather(Lock& lock) {
    const auto open = static_cast<std::size_t>(
        std::max<std::int64_t>(open_transactions_.load(std::memory_order_relaxed), 0));
    const std::size_t wanted = (open + 1) / 2;
    if (waiting_synced_ >= wanted || gather_ <= Duration{0} || stopping_) {
        return;
    }
    if (gather_pause_ > 0) {
        --gather_pause_;
        return;
    }
    const std::size_t before = waiting_synced_;
    const auto end = runtime::steady_now() + gather_;
    wake_at_synced_ = wanted;
    sleep_ = Sleep::Gathering;
    while (sleep_ == Sleep::Gathering && !stopping_ &&
           writer_wakes_.wait_until(lock, end) == std::cv_status::no_timeout) {
    }
    sleep_ = Sleep::Awake;
    // Open transactions may be slow ones that have nothing to commit for minutes.
    const bool paid = waiting_synced_ >= std::min(2 * before, wanted);
    next_pause_ = paid ? 1 : std::min(next_pause_ * 2, kLongestPause);
    gather_pause_ = paid ? 0 : next_pause_;
}

void SpoolThreads::write_loop() {
    std::vector<Entry> taken;
    Lock lock(mutex_);
    while (true) {
        if (waiting_.empty() && writer_calls_.empty() && !stopping_) {
            const TimePoint now = clock_.now();
            const auto next = writer_.next_tick();
            if (!next || *next > now) {
                sleep_ = Sleep::Idle;
                wait_until(writer_wakes_, lock, next, now);
                sleep_ = Sleep::Awake;
            }
        }
        if (waiting_awaited_ == 0 && !waiting_.empty() && writer_calls_.empty() && !stopping_) {
            linger(lock);
        }
        if (waiting_synced_ > 0) {
            gather(lock);
        }
        auto calls = std::exchange(writer_calls_, {});
        taken.swap(waiting_);
        waiting_synced_ = 0;
        waiting_awaited_ = 0;
        const bool last = stopping_ && taken.empty() && calls.empty();
        lock.unlock();

        const TimePoint now = clock_.now();
        for (auto& call : calls) {
            call(writer_);
        }
        if (!taken.empty()) {
            writer_.commit(taken, now);
        }
        writer_.tick(now);
        if (last) {
            writer_.stop(now);
        }
        hand_chores_over();
        lock.lock();
        if (last && waiting_.empty()) {
            return;
        }
    }
}

void SpoolThreads::hand_chores_over() {
    auto chores = writer_.take_chores();
    if (chores.empty()) {
        return;
    }
    const std::lock_guard guard(cleaner_mutex_);
    std::ranges::move(chores, std::back_inserter(chores_));
    cleaner_wakes_.notify_one();
}

void SpoolThreads::clean_loop() {
    Lock lock(cleaner_mutex_);
    std::optional<TimePoint> next;
    while (true) {
        if (chores_.empty() && cleaner_calls_.empty() && !cleaner_stopping_) {
            wait_until(cleaner_wakes_, lock, next, clock_.now());
        }
        auto calls = std::exchange(cleaner_calls_, {});
        auto chores = std::exchange(chores_, {});
        const bool last = cleaner_stopping_ && chores.empty();
        lock.unlock();
        if (last) {
            return;
        }
        for (auto& call : calls) {
            call(cleaner_);
        }
        cleaner_.add(std::move(chores));
        next = cleaner_.step(clock_.now());
        lock.lock();
    }
}

}  // namespace posthouse::spool
