// Every operation of a workload that uses all of the spool is made to fail, or to be the last one, in turn;
// then the spool is recovered and held against what was promised.
#include "daemon/spool/content_file.h"
#include "tests/spool/rig.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <functional>
#include <set>

namespace posthouse::spool::test {
namespace {

enum class Crash : std::uint8_t { Process, PowerLoseAll, PowerKeepSubset };

constexpr std::uint64_t kExternalId = 900;

// What the spool said about one message.
struct Promised {
    bool accepted = false;       // success
    bool refused = false;        // failure
    bool settled_after = false;  // something else became durable after the refusal
    StoredPtr message;
    bool finish_asked = false;
    bool finish_written = false;   // survives kill -9
    bool finish_synced = false;    // survives power loss
    bool deferred_synced = false;  // recipient 0 has a durable deferral
    bool deferred_written = false;
    bool carried = false;  // its standing was replaced by a fresh one
};

class Workload {
  public:
    explicit Workload(FaultFs& files) : rig(files), files_(files) {}

    // Everything once. Stops early when the process is dead.
    void run() {
        if (!rig.open()) {
            return;
        }
        accept({{1, 600}, {2, 700}, {3, 800}});
        accept_external();
        append(make_attempt(1, 1), Durability::Written, {});
        defer(1);
        state("ses", 1);
        append(make_attempt(2, 1, 5), Durability::Synced, [this] { charge_synced = true; });
        finish(2, Durability::Synced);
        rig.append_silently(make_attempt(3, 1));
        rig.commit();
        pass(Duration{50});
        for (std::uint64_t id = 10; id < 16; ++id) {  // fills segments
            accept({{id, 20'000}});
        }
        for (std::uint64_t id = 10; id < 16; ++id) {
            finish(id, id % 2 == 0 ? Durability::Synced : Durability::Written);
        }
        state("ses", 2);
        pass(Duration{50});
        carry(1);
        carry(3);
        finish(kExternalId, Durability::Synced);
        pass(Duration{2000});
        accept({{20, 900}, {21, 5}});
        append(Stopped{rig.now}, Durability::Synced, {});
        if (!files_.stopped()) {
            rig.close();
        }
    }

    // After recovery without faults.
    void check(Rig& after, Crash crash, const std::string& where) const {
        for (const auto& [id, promised] : messages) {
            SCOPED_TRACE(where + ", message " + std::to_string(id));
            const auto live = after.found.messages.find(id);
            const bool is_live = live != after.found.messages.end();
            const bool finish_durable =
                promised.finish_synced || (crash == Crash::Process && promised.finish_written);
            if (promised.accepted && !promised.finish_asked) {
                EXPECT_TRUE(is_live) << "an accepted message is lost";
            }
            if (finish_durable) {
                EXPECT_FALSE(is_live) << "a finished message came back";
            }
            if (promised.refused && promised.settled_after) {
                EXPECT_FALSE(is_live) << "a refused message came back";
            }
            if (!is_live) {
                continue;
            }
            EXPECT_EQ(live->second.accepted, promised.message->accepted);
            if (promised.message->accepted.external) {
                check_external(after);
            } else {
                const auto stored = after.read(live->second.location);
                ASSERT_TRUE(stored) << stored.error().message();
                EXPECT_EQ((*stored)->content, promised.message->content);
            }
            const bool deferral_durable =
                promised.deferred_synced || (crash == Crash::Process && promised.deferred_written);
            if (deferral_durable && !promised.carried) {
                EXPECT_EQ(live->second.recipients.at(0).reply.code, 450);
                EXPECT_GE(live->second.attempts, 1U);
            }
        }
        for (const auto& [id, message] : after.found.messages) {
            EXPECT_TRUE(messages.contains(id)) << where << ": message " << id << " was invented";
        }
        EXPECT_TRUE(failures_synced == 0 || newest_failures(after) >= failures_synced)
            << where << ": an upstream's state is forgotten";
        if (charge_synced && failures_synced < 2) {
            EXPECT_FALSE(after.found.charges.empty()) << where << ": a charge is forgotten";
        }
    }

    Rig rig;
    std::map<std::uint64_t, Promised> messages;
    std::uint32_t failures_synced = 0;
    bool charge_synced = false;

  private:
    static std::uint32_t newest_failures(const Rig& after) {
        return after.found.states.empty() ? 0 : after.found.states.back().failures_in_row;
    }

    static void check_external(Rig& after) {
        auto content = ContentReader::open(after.files, after.layout.content, MessageId{kExternalId});
        ASSERT_TRUE(content) << content.error().message();
        std::string bytes((*content)->size(), '\0');
        ASSERT_TRUE((*content)->read(bytes));
        EXPECT_EQ(bytes, make_content(kExternalId, 3000));
    }

    void promise_kept() {
        for (auto& [id, promised] : messages) {
            promised.settled_after = promised.settled_after || promised.refused;
        }
    }
    void accept(const std::vector<std::pair<std::uint64_t, std::size_t>>& batch) {
        std::vector<std::pair<std::uint64_t, Done>> waiting;
        for (const auto& [id, size] : batch) {
            messages[id].message = make_message(id, size);
            waiting.emplace_back(id, rig.accept(messages[id].message));
        }
        settle(waiting);
    }
    void accept_external() {
        auto stored = std::make_shared<Stored>();
        stored->accepted = make_accepted(kExternalId);
        stored->accepted.external = true;
        stored->accepted.facts.size = make_content(kExternalId, 3000).size();
        auto writer = ContentWriter::create(files_, rig.layout.content, MessageId{kExternalId});
        if (!writer || !(*writer)->append(make_content(kExternalId, 3000)) || !(*writer)->finish()) {
            return;
        }
        messages[kExternalId].message = stored;
        settle({{kExternalId, rig.accept(stored)}});
    }
    void settle(const std::vector<std::pair<std::uint64_t, Done>>& waiting) {
        rig.commit();
        for (const auto& [id, done] : waiting) {
            if (done->has_value()) {
                auto& promised = messages[id];
                promised.accepted = (*done)->has_value();
                promised.refused = !promised.accepted;
                if (promised.accepted) {
                    promise_kept();
                }
            }
        }
    }
    void append(Record record, Durability durability, const std::function<void()>& promised) {
        const Done done = rig.append(std::move(record), durability);
        rig.commit();
        if (done->has_value() && (*done)->has_value() && promised) {
            promised();
        }
        // Something durable in a newer segment is what buries a refused message.
        if (durability == Durability::Synced && done->has_value() && (*done)->has_value()) {
            promise_kept();
        }
    }
    void defer(std::uint64_t id) {
        append(make_outcome(id, 0, RecipientState::Pending), Durability::Synced, [&] {
            messages[id].deferred_synced = true;
            messages[id].deferred_written = true;
        });
    }
    void finish(std::uint64_t id, Durability durability) {
        if (!messages.contains(id) || !messages[id].accepted) {
            return;
        }
        messages[id].finish_asked = true;
        append(make_outcome(id, 0, RecipientState::Delivered, true), durability, [&] {
            messages[id].finish_written = true;
            messages[id].finish_synced = durability == Durability::Synced;
        });
    }
    void state(const std::string& upstream, std::uint32_t failures) {
        append(make_state(upstream, failures), Durability::Synced, [&] { failures_synced = failures; });
    }
    void carry(std::uint64_t id) {
        if (!messages.contains(id) || !messages[id].accepted) {
            return;
        }
        messages[id].carried = true;
        Carried state;
        state.accepted = messages[id].message->accepted;
        state.recipients.resize(1);
        rig.carry(std::move(state));
        rig.commit();
    }
    void pass(Duration time) {
        if (rig.writer) {
            rig.tick(time);
        }
    }

    FaultFs& files_;
};

std::uint64_t steps_of_the_workload() {
    FaultFs files;
    Workload(files).run();
    return files.steps();
}

void crash(FaultFs& files, Crash how, std::uint64_t seed) {
    if (how == Crash::Process) {
        files.restart_process();
    } else {
        files.cut_power(how == Crash::PowerLoseAll ? PowerCut::LoseAll : PowerCut::KeepSubset, seed);
    }
}

struct Row {
    const char* name;
    Fault::Kind fault;
    int error;
    Crash crash;
};

std::ostream& operator<<(std::ostream& out, const Row& row) {
    return out << row.name;
}

class CrashSweep : public testing::TestWithParam<Row> {};

TEST_P(CrashSweep, KeepsEveryPromiseWhateverStepItHits) {
    const Row& row = GetParam();
    const std::uint64_t steps = steps_of_the_workload();
    ASSERT_GT(steps, 60U);
    for (std::uint64_t step = 1; step <= steps; ++step) {
        FaultFs files;
        files.fault_at(step, {row.fault, row.error});
        Workload workload(files);
        workload.run();
        workload.rig.drop();
        crash(files, row.crash, step * 7919);
        Rig after(files);
        ASSERT_TRUE(after.open()) << "step " << step << ": " << after.error.message();
        workload.check(after, row.crash, "step " + std::to_string(step));
        // A crash as such damages nothing: what it leaves is cut off, not reported.
        const bool crash_only = row.fault == Fault::Kind::Stop || row.fault == Fault::Kind::StopWithin;
        if (crash_only && row.crash != Crash::PowerKeepSubset) {
            EXPECT_TRUE(after.report.damage.empty()) << "step " << step << ": " << after.report.damage[0].file
                                                     << ": " << after.report.damage[0].reason;
        }
        // A second start finds the same.
        const auto before = after.found.messages.size();
        after.close();
        Rig again(files);
        ASSERT_TRUE(again.open()) << "step " << step << ": " << again.error.message();
        EXPECT_EQ(again.found.messages.size(), before) << "step " << step;
        if (HasFailure()) {
            return;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    Faults, CrashSweep,
    testing::Values(Row{"KillBefore", Fault::Kind::Stop, EIO, Crash::Process},
                    Row{"KillWithin", Fault::Kind::StopWithin, EIO, Crash::Process},
                    Row{"PowerCutLosesAll", Fault::Kind::Stop, EIO, Crash::PowerLoseAll},
                    Row{"PowerCutWithinLosesAll", Fault::Kind::StopWithin, EIO, Crash::PowerLoseAll},
                    Row{"PowerCutKeepsSome", Fault::Kind::StopWithin, EIO, Crash::PowerKeepSubset},
                    Row{"OneEioThenKill", Fault::Kind::Fail, EIO, Crash::Process},
                    Row{"OneEioThenPowerCut", Fault::Kind::Fail, EIO, Crash::PowerLoseAll},
                    Row{"OneEioThenPowerCutKeepsSome", Fault::Kind::Fail, EIO, Crash::PowerKeepSubset},
                    Row{"OneEnospcThenKill", Fault::Kind::Fail, ENOSPC, Crash::Process},
                    Row{"ShortWriteThenKill", Fault::Kind::ShortWrite, ENOSPC, Crash::Process},
                    Row{"ShortWriteThenPowerCut", Fault::Kind::ShortWrite, ENOSPC, Crash::PowerKeepSubset},
                    Row{"DiskFullFromHereOn", Fault::Kind::FailOn, ENOSPC, Crash::Process},
                    Row{"DiskDeadFromHereOnThenPowerCut", Fault::Kind::FailOn, EIO, Crash::PowerLoseAll}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(CrashSweepOfRecovery, CanBeCutOffAtEveryStep) {
    const std::uint64_t steps = steps_of_the_workload();
    for (const Crash how : {Crash::Process, Crash::PowerLoseAll, Crash::PowerKeepSubset}) {
        for (std::uint64_t step = 3; step <= steps; step += 5) {
            for (std::uint64_t second = 1;; ++second) {
                FaultFs files;
                files.fault_at(step, {Fault::Kind::StopWithin, EIO});
                Workload workload(files);
                workload.run();
                workload.rig.drop();
                crash(files, how, step);
                files.fault_at(second, {Fault::Kind::StopWithin, EIO});
                {
                    Rig interrupted(files);
                    interrupted.open();
                }
                const bool hit = files.stopped();
                crash(files, how, step + second * 31);
                Rig after(files);
                const std::string where = "step " + std::to_string(step) + " then " + std::to_string(second);
                ASSERT_TRUE(after.open()) << where << ": " << after.error.message();
                workload.check(after, how, where);
                if (HasFailure() || !hit) {
                    break;
                }
            }
            if (HasFailure()) {
                return;
            }
        }
    }
}

}  // namespace
}  // namespace posthouse::spool::test
