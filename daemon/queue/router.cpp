#include "daemon/queue/router.h"

#include "config/pattern.h"

#include <algorithm>

namespace posthouse::queue {
namespace {

bool fits(const std::string& pattern, std::string_view text) {
    return pattern.empty() || config::matches(pattern, text);
}

}  // namespace

Router::Router(const config::Settings& settings) {
    for (const config::Upstream& upstream : settings.upstreams)
        max_sizes_.push_back(upstream.max_message_size);
    for (const config::Route& route : settings.routes)
        add(settings, route);
    configured_ = routes_.size();
    if (!settings.bounces.via.empty()) {
        config::Route bounces;
        bounces.via = settings.bounces.via;
        add(settings, bounces);
    }
}

void Router::add(const config::Settings& settings, const config::Route& route) {
    Route& entry = routes_.emplace_back();
    entry.match = route.match;
    entry.priority = route.priority;
    entry.expire_after = route.expire_after.value_or(settings.retry.expire_after);
    entry.via = route.via;
    for (const std::size_t upstream : route.via) {
        if (!entry.description.empty()) entry.description += ", ";
        entry.description += settings.upstreams[upstream].name;
        if (max_sizes_[upstream] != 0) entry.size_steps.push_back(max_sizes_[upstream]);
    }
    std::ranges::sort(entry.size_steps);
    const auto repeated = std::ranges::unique(entry.size_steps);
    entry.size_steps.erase(repeated.begin(), repeated.end());
}

RouteIndex Router::route(std::string_view sender, std::string_view recipient, std::string_view login,
                         bool is_bounce) const {
    if (is_bounce && routes_.size() > configured_) return static_cast<RouteIndex>(configured_);
    for (std::size_t i = 0; i + 1 < configured_; ++i) {
        const config::RouteMatch& match = routes_[i].match;
        if (fits(match.sender, sender) && fits(match.recipient, recipient) && fits(match.login, login)) {
            return static_cast<RouteIndex>(i);
        }
    }
    return static_cast<RouteIndex>(configured_ - 1);
}

std::vector<std::uint32_t> Router::upstreams(RouteIndex route, std::size_t step) const {
    const Route& entry = routes_[route];
    std::vector<std::uint32_t> able;
    for (const std::size_t upstream : entry.via) {
        const std::uint64_t largest = max_sizes_[upstream];
        const bool takes =
            largest == 0 || (step < entry.size_steps.size() && largest >= entry.size_steps[step]);
        if (takes) able.push_back(static_cast<std::uint32_t>(upstream));
    }
    return able;
}

}  // namespace posthouse::queue
