// BlockingPool: a few threads for calls that block (large contents on disk, password hashes), so that no
// event loop ever waits for a disk or a hash. Work is done in the order of arrival, `threads` at a time.
#pragma once

#include "daemon/runtime/await.h"
#include "daemon/runtime/loop.h"
#include "daemon/runtime/task.h"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace posthouse::runtime {

class BlockingPool {
  public:
    explicit BlockingPool(std::size_t threads);
    ~BlockingPool();  // finishes what was submitted

    void submit(std::move_only_function<void()> work);

  private:
    void run();

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::move_only_function<void()>> waiting_;
    bool stopping_ = false;
    std::size_t wanted_threads_;
    std::vector<std::thread> threads_;  // started with the first work: an idle relay has none
};

// Runs `work` on the pool and resumes the awaiting coroutine on `loop`, its own loop, with the result.
// `work` must be a named object (no lambda inside co_await).
template <class T>
Task<T> run_blocking(BlockingPool& pool, Loop& loop, std::move_only_function<T()> work) {
    auto start = [&pool, &loop, &work](Resume<T> resume) {
        pool.submit([&loop, task = std::move(work), resume = std::move(resume)]() mutable {
            loop.post([value = task(), resume = std::move(resume)]() mutable { resume(std::move(value)); });
        });
    };
    std::move_only_function<void(Resume<T>)> starter = std::move(start);
    co_return co_await await_callback<T>(std::move(starter));
}

}  // namespace posthouse::runtime
