#include "daemon/runtime/blocking_pool.h"

namespace posthouse::runtime {

BlockingPool::BlockingPool(std::size_t threads) : wanted_threads_(threads) {}

BlockingPool::~BlockingPool() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    for (auto& thread : threads_)
        thread.join();
}

void BlockingPool::submit(std::move_only_function<void()> work) {
    {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(std::move(work));
        if (threads_.size() < wanted_threads_) threads_.emplace_back([this] { run(); });
    }
    wake_.notify_one();
}

void BlockingPool::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
        if (waiting_.empty()) return;
        auto work = std::move(waiting_.front());
        waiting_.pop_front();
        lock.unlock();
        work();
        work = nullptr;
        lock.lock();
    }
}

}  // namespace posthouse::runtime
