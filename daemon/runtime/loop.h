// Loop: one event loop with one thread, and the pool of them. A connection lives on one loop for life.
//
// post() may be called from any thread. Work posted while the loop is busy is gathered: the loop is woken
// once for a whole batch, which is what makes a group commit of fifty messages cost one wake-up instead of
// fifty.
#pragma once

#include <boost/asio/io_context.hpp>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace posthouse::runtime {

class Loop {
  public:
    using Work = std::move_only_function<void()>;

    Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    [[nodiscard]] boost::asio::io_context& io() { return io_; }
    [[nodiscard]] bool here() const {
        return thread_id_.load(std::memory_order_relaxed) == std::this_thread::get_id();
    }

    void post(Work work);
    // Runs at once when called on the loop's own thread, else like post().
    void dispatch(Work work);

    // Runs until stop(); on the calling thread.
    void run();
    void stop();

  private:
    void drain();

    boost::asio::io_context io_{1};
    // Others ask here() while the thread begins: to them either answer is "no".
    std::atomic<std::thread::id> thread_id_;
    std::mutex mutex_;
    std::vector<Work> waiting_;  // guarded by mutex_
    std::vector<Work> running_;  // only touched by the loop's thread
};

class LoopPool {
  public:
    explicit LoopPool(std::size_t count);
    ~LoopPool();

    [[nodiscard]] std::size_t size() const { return loops_.size(); }
    [[nodiscard]] Loop& at(std::size_t index) { return *loops_[index]; }

    // Starts a thread for every loop but the first; then runs the first on the calling thread until
    // stop_all().
    void run();
    void stop_all();

  private:
    std::vector<std::unique_ptr<Loop>> loops_;
    std::vector<std::thread> threads_;
};

}  // namespace posthouse::runtime
