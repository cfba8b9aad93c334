#include "daemon/queue/event.h"

namespace posthouse::queue {

std::string_view to_string(EventKind kind) {
    switch (kind) {
        case EventKind::Queued:
            return "queued";
        case EventKind::Attempt:
            return "attempt";
        case EventKind::Delivered:
            return "delivered";
        case EventKind::Deferred:
            return "deferred";
        case EventKind::Failed:
            return "failed";
        case EventKind::Expired:
            return "expired";
        case EventKind::Uncertain:
            return "uncertain";
        case EventKind::Held:
            return "held";
        case EventKind::GivenBack:
            return "given_back";
        case EventKind::Finished:
            return "finished";
        case EventKind::BounceWanted:
            return "bounce_wanted";
        case EventKind::BounceFailed:
            return "bounce_failed";
        case EventKind::UpstreamPaused:
            return "upstream_paused";
        case EventKind::UpstreamProbe:
            return "upstream_probe";
        case EventKind::UpstreamResumed:
            return "upstream_resumed";
        case EventKind::QuotaReached:
            return "quota_reached";
        case EventKind::UpstreamUnknown:
            return "upstream_unknown";
        case EventKind::SpoolError:
            return "spool_error";
    }
    return "unknown";
}

}  // namespace posthouse::queue
