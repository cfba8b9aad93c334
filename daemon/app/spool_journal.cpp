#include "daemon/app/spool_journal.h"

#include <utility>

namespace posthouse::app {

spool::AppendDone SpoolJournal::on_queue_loop(spool::AppendDone done) {
    if (!done) return {};
    return [this, done = std::move(done)](Result<spool::Location> where) mutable {
        queue_loop_.post(
            [done = std::move(done), where = std::move(where)]() mutable { done(std::move(where)); });
    };
}

void SpoolJournal::append(spool::Record record, spool::Durability durability, spool::AppendDone done) {
    spool_->append(std::move(record), durability, on_queue_loop(std::move(done)));
}

void SpoolJournal::carry(spool::Carried state, spool::Location from, spool::AppendDone done) {
    spool_->carry(std::move(state), from, on_queue_loop(std::move(done)));
}

}  // namespace posthouse::app
