#include "daemon/admin/views.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <variant>

namespace posthouse::admin {
namespace {

namespace json = boost::json;

std::string_view to_string(spool::RecipientState state) {
    switch (state) {
        case spool::RecipientState::Pending:
            return "pending";
        case spool::RecipientState::Delivered:
            return "delivered";
        case spool::RecipientState::Failed:
            return "failed";
        case spool::RecipientState::Expired:
            return "expired";
        case spool::RecipientState::Held:
            return "held";
    }
    return "pending";
}

std::string reply_text(const protocol::Reply& reply) {
    return reply.code == 0 ? reply.text : protocol::to_line(reply);
}

void put_time(json::object& into, std::string_view key, TimePoint at) {
    if (at != TimePoint{} && at != TimePoint::max()) into[key] = time_text(at);
}

json::object timeline_entry(const spool::Attempt& attempt) {
    json::object entry{{"event", "attempt"}, {"upstream", attempt.upstream}, {"attempt", attempt.number}};
    put_time(entry, "at", attempt.at);
    return entry;
}

json::object timeline_entry(const spool::Outcome& outcome) {
    json::object entry{{"event", "outcome"}, {"upstream", outcome.upstream}};
    put_time(entry, "at", outcome.at);
    put_time(entry, "next_try", outcome.next_due);
    json::array recipients;
    for (const auto& one : outcome.recipients) {
        json::object recipient{{"recipient", one.index}, {"state", to_string(one.state)}};
        if (one.uncertain) recipient["uncertain"] = true;
        const auto text = reply_text(one.reply);
        if (!text.empty()) recipient["reply"] = text;
        recipients.push_back(std::move(recipient));
    }
    entry["recipients"] = std::move(recipients);
    return entry;
}

json::object timeline_entry(const spool::Accepted& accepted) {
    json::object entry{{"event", "accepted"}, {"client", accepted.client}};
    if (!accepted.login.empty()) entry["login"] = accepted.login;
    put_time(entry, "at", accepted.accepted_at);
    return entry;
}

json::object timeline_entry(const spool::Carried& carried) {
    json::object entry{{"event", "carried"}, {"attempts", carried.attempts}};
    put_time(entry, "at", carried.accepted.accepted_at);
    return entry;
}

template <class Other>
json::object timeline_entry(const Other&) {
    return {};
}

}  // namespace

std::string time_text(TimePoint at) {
    if (at == TimePoint{}) return {};
    const auto ms = to_unix_ms(at);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(ms / 1000)),
                       ms % 1000);
}

std::string_view to_string(queue::Waiting waiting) {
    switch (waiting) {
        case queue::Waiting::Ready:
            return "ready";
        case queue::Waiting::Retry:
            return "retry";
        case queue::Waiting::Quota:
            return "quota";
        case queue::Waiting::Paused:
            return "paused";
        case queue::Waiting::InFlight:
            return "in_flight";
        case queue::Waiting::Bouncing:
            return "bouncing";
        case queue::Waiting::Held:
            return "held";
    }
    return "ready";
}

json::object queue_row(const queue::View& view, const spool::Accepted* accepted) {
    json::object row{{"id", spool::to_string(view.id)},
                     {"state", to_string(view.waiting)},
                     {"attempts", view.attempts},
                     {"recipients_pending", view.recipients_pending},
                     {"route", view.route}};
    put_time(row, "accepted_at", view.accepted_at);
    put_time(row, "due", view.due);
    put_time(row, "expires_at", view.expires_at);
    if (accepted == nullptr) return row;
    row["sender"] = accepted->envelope.sender;
    row["size"] = accepted->facts.size;
    json::array recipients;
    for (const auto& recipient : accepted->envelope.recipients)
        recipients.emplace_back(recipient.address);
    row["recipients"] = std::move(recipients);
    if (!accepted->facts.message_id.empty()) row["message_id"] = accepted->facts.message_id;
    return row;
}

json::object message_view(const queue::View& view, const spool::Accepted& accepted,
                          const std::vector<spool::Record>& chain) {
    auto message = queue_row(view, &accepted);
    message["client"] = accepted.client;
    if (!accepted.login.empty()) message["login"] = accepted.login;
    json::array timeline;
    for (auto record = chain.rbegin(); record != chain.rend(); ++record) {
        auto entry = std::visit([](const auto& it) { return timeline_entry(it); }, *record);
        if (!entry.empty()) timeline.push_back(std::move(entry));
    }
    message["timeline"] = std::move(timeline);
    return message;
}

json::object upstream_view(const queue::UpstreamView& upstream) {
    json::object view{{"name", upstream.name},
                      {"in_flight", upstream.in_flight},
                      {"ready", upstream.ready},
                      {"failures_in_row", upstream.failures_in_row}};
    put_time(view, "paused_until", upstream.paused_until);
    if (!upstream.reason.empty()) view["reason"] = upstream.reason;
    json::array limits;
    for (const auto& limit : upstream.limits) {
        json::object entry{{"limit", config::to_string(limit.limit)},
                           {"used", limit.used},
                           {"left", limit.limit.count - std::min(limit.used, limit.limit.count)}};
        put_time(entry, "next_free", limit.next_free);
        limits.push_back(std::move(entry));
    }
    view["limits"] = std::move(limits);
    return view;
}

}  // namespace posthouse::admin
