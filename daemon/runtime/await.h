// await_callback: the bridge from "call me back" to co_await.
//
//     auto start = [&](auto resume) { spool.append(record, durability, std::move(resume)); };
//     auto result = co_await await_callback<Result<Location>>(std::move(start));
//
// `resume` must be called exactly once, on the loop of the awaiting coroutine, not before start() has
// returned control to the loop or from inside it (both are fine for Asio: the coroutine is already
// suspended). Name the lambda on its own line: GCC 12 destroys temporaries inside co_await twice.
#pragma once

#include "daemon/runtime/task.h"

#include <boost/asio/async_result.hpp>

#include <functional>
#include <utility>

namespace posthouse::runtime {

template <class T>
using Resume = std::move_only_function<void(T)>;

template <class T>
Task<T> await_callback(std::move_only_function<void(Resume<T>)> start) {
    auto initiate = [&start](auto handler) {
        Resume<T> resume = [h = std::move(handler)](T value) mutable { std::move(h)(std::move(value)); };
        start(std::move(resume));
    };
    UseTask token;
    T value = co_await boost::asio::async_initiate<UseTask, void(T)>(initiate, token);
    co_return value;
}

}  // namespace posthouse::runtime
