// Router: which route a recipient of a message takes, and which of its upstreams can take the message at all.
//
// The first route whose patterns match wins; the configuration's last route matches everything. Bounces made
// here take `bounces.via` if it is given: a route of its own behind the configured ones. Patterns:
// config/pattern.h.
//
// Pure; made once from the settings.
#pragma once

#include "config/schema.h"
#include "protocol/time.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::queue {

using RouteIndex = std::uint32_t;

class Router {
  public:
    explicit Router(const config::Settings& settings);

    [[nodiscard]] RouteIndex route(std::string_view sender, std::string_view recipient,
                                   std::string_view login, bool is_bounce) const;

    [[nodiscard]] std::size_t routes() const { return routes_.size(); }
    [[nodiscard]] config::Priority priority(RouteIndex route) const { return routes_[route].priority; }
    [[nodiscard]] Duration expire_after(RouteIndex route) const { return routes_[route].expire_after; }
    [[nodiscard]] const std::string& description(RouteIndex route) const {
        return routes_[route].description;
    }

    // The sizes at which an upstream of the route drops out, ascending: a message of at most size_steps()[i]
    // octets, but more than the step before, goes via upstreams(route, i); one above all steps via
    // upstreams(route, count).
    [[nodiscard]] const std::vector<std::uint64_t>& size_steps(RouteIndex route) const {
        return routes_[route].size_steps;
    }
    [[nodiscard]] std::vector<std::uint32_t> upstreams(RouteIndex route, std::size_t step) const;

  private:
    struct Route {
        config::RouteMatch match;
        config::Priority priority = config::Priority::Normal;
        Duration expire_after{};
        std::vector<std::size_t> via;
        std::vector<std::uint64_t> size_steps;
        std::string description;  // "ses, gmail"
    };
    void add(const config::Settings& settings, const config::Route& route);

    std::vector<Route> routes_;
    std::vector<std::uint64_t> max_sizes_;  // of every upstream; 0: any size
    std::size_t configured_ = 0;            // routes before the bounces' own
};

}  // namespace posthouse::queue
