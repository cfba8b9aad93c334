// SpoolThreads: the two threads of a spool, the writer's and the cleaner's, and the queue in front of them.
//
// push() costs a short lock; the writer's thread is woken only when it sleeps, or when the company it waits
// for is complete. Gathering: when messages wait for a sync and more transactions are open than messages are
// waiting, the writer waits up to `gather` until half of the open ones have come, so that they share one
// fdatasync. A single session never waits, and gathering that brought nothing is tried less and less often.
// Records that nobody waits for (outcomes) linger up to a millisecond, to be written together.
#pragma once

#include "daemon/runtime/clock.h"
#include "daemon/spool/cleaner.h"
#include "daemon/spool/writer.h"
#include "protocol/time.h"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace posthouse::spool {

class SpoolThreads {
  public:
    SpoolThreads(Writer& writer, Cleaner& cleaner, const runtime::Clock& clock, Duration gather,
                 const std::atomic<std::int64_t>& open_transactions);
    ~SpoolThreads();  // everything pushed is written and synced first
    SpoolThreads(const SpoolThreads&) = delete;
    SpoolThreads& operator=(const SpoolThreads&) = delete;

    void push(Entry entry);
    // Runs on the thread that owns it, soon.
    void with_writer(std::move_only_function<void(Writer&)> function);
    void with_cleaner(std::move_only_function<void(Cleaner&)> function);

  private:
    using Lock = std::unique_lock<std::mutex>;

    void write_loop();
    void clean_loop();
    void linger(Lock& lock);
    void gather(Lock& lock);
    void hand_chores_over();
    static void wait_until(std::condition_variable& condition, Lock& lock, std::optional<TimePoint> until,
                           TimePoint now);

    Writer& writer_;
    Cleaner& cleaner_;
    const runtime::Clock& clock_;
    const Duration gather_;
    const std::atomic<std::int64_t>& open_transactions_;

    std::mutex mutex_;  // of everything down to stopping_
    std::condition_variable writer_wakes_;
    std::vector<Entry> waiting_;
    std::vector<std::move_only_function<void(Writer&)>> writer_calls_;
    std::size_t waiting_synced_ = 0;
    std::size_t waiting_awaited_ = 0;  // somebody waits for: to be synced, or with a completion
    std::size_t wake_at_synced_ = 0;   // while gathering: the number that ends it
    enum class Sleep : std::uint8_t { Awake, Idle, Lingering, Gathering };
    Sleep sleep_ = Sleep::Awake;
    bool stopping_ = false;

    // Only the writer's thread.
    std::uint32_t gather_pause_ = 0;  // groups to let go without gathering
    std::uint32_t next_pause_ = 1;

    std::mutex cleaner_mutex_;
    std::condition_variable cleaner_wakes_;
    std::vector<Chore> chores_;
    std::vector<std::move_only_function<void(Cleaner&)>> cleaner_calls_;
    bool cleaner_stopping_ = false;

    std::thread cleaner_thread_;
    std::thread writer_thread_;
};

}  // namespace posthouse::spool
