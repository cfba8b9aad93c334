#include "daemon/queue/reply_rules.h"

namespace posthouse::queue {

using protocol::Stage;

Action decide(Stage stage, const protocol::Reply& reply) {
    if (reply.code == 421) {
        // After the content was sent, 421 may well be about the content: by the schedule then.
        return stage == Stage::Content ? Action::Retry : Action::RetrySoon;
    }
    if (stage == Stage::Mail) {
        switch (reply.code) {
            case 530:  // RFC 4954 6: authentication required
            case 534:  // authentication mechanism is too weak
            case 535:  // authentication credentials invalid
            case 538:  // encryption required for the requested authentication mechanism
                return Action::PauseUpstream;
            default:
                break;
        }
    }
    return reply.permanent() ? Action::Fail : Action::Retry;
}

}  // namespace posthouse::queue
