// ByteSink: where a stream transformer puts its output. A reference to a callable, two words, no allocation.
//
// The callable must outlive the call it is passed to, and must use or copy the octets before it returns: they
// may lie in a buffer that is reused. Several calls make one stream; where it is cut means nothing.
#pragma once

#include <concepts>
#include <memory>
#include <string_view>
#include <type_traits>

namespace posthouse::protocol {

class ByteSink {
  public:
    template <class F>
        requires(!std::same_as<std::remove_cvref_t<F>, ByteSink> && std::invocable<F&, std::string_view>)
    // NOLINTNEXTLINE(google-explicit-constructor): a callable is passed where a sink is wanted.
    ByteSink(F&& callable)
        : object_(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
          call_([](void* object, std::string_view bytes) {
              (*static_cast<std::remove_reference_t<F>*>(object))(bytes);
          }) {}

    void operator()(std::string_view bytes) const {
        if (!bytes.empty()) call_(object_, bytes);
    }

  private:
    void* object_;
    void (*call_)(void*, std::string_view);
};

}  // namespace posthouse::protocol
