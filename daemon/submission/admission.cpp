#include "daemon/submission/admission.h"

namespace posthouse::submission {

std::optional<std::string> Admission::admit(const std::optional<Address>& address) {
    const std::lock_guard lock(mutex_);
    if (connections_ >= max_connections_) return "Too many connections, try again in a moment";
    if (address) {
        auto& count = per_address_[*address];
        if (count >= max_per_address_)
            return "Too many connections from your address, close some or try again later";
        ++count;
    }
    ++connections_;
    return std::nullopt;
}

void Admission::release(const std::optional<Address>& address) {
    const std::lock_guard lock(mutex_);
    --connections_;
    if (!address) return;
    const auto place = per_address_.find(*address);
    if (--place->second == 0) per_address_.erase(place);
}

std::size_t Admission::connections() const {
    const std::lock_guard lock(mutex_);
    return connections_;
}

}  // namespace posthouse::submission
