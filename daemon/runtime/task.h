// Task<T>: a coroutine on one of our loops. The executor is spelled out, so no operation pays for type
// erasure.
//
// kAwait is the one completion token: results come as tuples that begin with an error code, nothing throws.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace posthouse::runtime {

using Executor = boost::asio::io_context::executor_type;

template <class T>
using Task = boost::asio::awaitable<T, Executor>;

using UseTask = boost::asio::use_awaitable_t<Executor>;
inline constexpr auto kAwait = boost::asio::as_tuple(UseTask{});

}  // namespace posthouse::runtime
