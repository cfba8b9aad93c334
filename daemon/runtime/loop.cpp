#include "daemon/runtime/loop.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <utility>

namespace posthouse::runtime {

Loop::Loop() = default;

void Loop::post(Work work) {
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        wake = waiting_.empty();
        waiting_.push_back(std::move(work));
    }
    if (wake) boost::asio::post(io_, [this] { drain(); });
}

void Loop::dispatch(Work work) {
    if (here()) {
        work();
    } else {
        post(std::move(work));
    }
}

void Loop::drain() {
    {
        const std::lock_guard lock(mutex_);
        running_.swap(waiting_);
    }
    for (auto& work : running_)
        work();
    running_.clear();
}

void Loop::run() {
    thread_id_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    const auto guard = boost::asio::make_work_guard(io_);
    io_.run();
}

void Loop::stop() {
    io_.stop();
}

LoopPool::LoopPool(std::size_t count) {
    loops_.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
        loops_.push_back(std::make_unique<Loop>());
}

LoopPool::~LoopPool() {
    stop_all();
    for (auto& thread : threads_)
        thread.join();
}

void LoopPool::run() {
    for (std::size_t i = 1; i < loops_.size(); ++i) {
        threads_.emplace_back([loop = loops_[i].get()] { loop->run(); });
    }
    loops_.front()->run();
    for (auto& thread : threads_)
        thread.join();
    threads_.clear();
}

void LoopPool::stop_all() {
    for (auto& loop : loops_)
        loop->stop();
}

}  // namespace posthouse::runtime
