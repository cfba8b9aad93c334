#include "daemon/app/event_log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <string>

namespace posthouse::app {
namespace {

using config::LogLevel;
using queue::EventKind;

LogLevel level_of(const queue::Event& event) {
    if (event.alert) return LogLevel::Error;
    switch (event.kind) {
        case EventKind::Queued:
        case EventKind::Attempt:
        case EventKind::Finished:
            return LogLevel::Debug;
        case EventKind::Delivered:
        case EventKind::GivenBack:
        case EventKind::BounceWanted:
        case EventKind::UpstreamProbe:
        case EventKind::UpstreamResumed:
        case EventKind::QuotaReached:
            return LogLevel::Info;
        case EventKind::Deferred:
        case EventKind::Failed:
        case EventKind::Expired:
        case EventKind::Uncertain:
        case EventKind::Held:
        case EventKind::BounceFailed:
        case EventKind::UpstreamPaused:
        case EventKind::UpstreamUnknown:
            return LogLevel::Warning;
        case EventKind::SpoolError:
            return LogLevel::Error;
    }
    return LogLevel::Info;
}

std::string time_text(TimePoint at) {
    if (at == TimePoint{}) return {};
    const auto seconds = std::chrono::time_point_cast<std::chrono::seconds>(at);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)));
}

}  // namespace

void write_event(runtime::Log& log, const queue::Event& event) {
    const LogLevel level = level_of(event);
    if (!log.enabled(level)) return;
    const bool about_message = event.id.value != 0;
    const bool has_reply = event.reply.code != 0;
    const std::string id = about_message ? to_string(event.id) : std::string();
    const std::string reply = has_reply ? protocol::to_line(event.reply) : std::string();
    const std::string until = time_text(event.until);
    log.write(
        level, queue::to_string(event.kind),
        {{"msg", id},
         {"upstream", event.upstream},
         {"recipients", event.recipients.empty() ? std::string() : std::to_string(event.recipients.size())},
         {"attempt", event.attempt == 0 ? std::string() : std::to_string(event.attempt)},
         {"stage", has_reply ? protocol::to_string(event.stage) : std::string_view()},
         {"reply", reply},
         {"until", until},
         {"text", event.text}});
}

}  // namespace posthouse::app
