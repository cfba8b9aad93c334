// Random operations, restarts, power cuts and compaction, held against a naive map of what must be true.
#include "tests/spool/rig.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace posthouse::spool::test {
namespace {

struct Modelled {
    StoredPtr message;
    std::vector<RecipientStanding> recipients;
    std::uint32_t attempts = 0;
};

class Model {
  public:
    explicit Model(std::uint64_t seed) : random_(seed) {}

    void run(int operations) {
        start();
        for (int i = 0; i < operations && !testing::Test::HasFailure(); ++i) {
            operation();
        }
    }

  private:
    std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }

    void start() {
        rig_ = std::make_unique<Rig>(files_);
        ASSERT_TRUE(rig_->open()) << rig_->error.message();
        compare();
    }

    void operation() {
        const std::size_t choice = below(100);
        if (choice < 35) {
            accept();
        } else if (choice < 45) {
            attempt();
        } else if (choice < 55) {
            settle();
        } else if (choice < 85) {
            for (std::size_t i = 0; i <= below(4); ++i) {
                finish();
            }
        } else if (choice < 95) {
            pass();
        } else {
            restart();
        }
    }

    void accept() {
        std::vector<std::pair<std::uint64_t, Done>> group;
        for (std::size_t i = 0; i <= below(4); ++i) {
            const std::uint64_t id = ++last_id_;
            // Small ones and such that fill a segment by a few.
            const auto message = make_message(id, below(3) == 0 ? 25'000 : 40 + below(900), 1 + below(3));
            live_[id].message = message;
            live_[id].recipients.resize(message->accepted.envelope.recipients.size());
            group.emplace_back(id, rig_->accept(message));
        }
        rig_->commit();
        for (const auto& [id, done] : group) {
            ASSERT_TRUE(done->has_value() && **done);
        }
    }

    std::map<std::uint64_t, Modelled>::iterator any() {
        return live_.empty() ? live_.end()
                             : std::next(live_.begin(), static_cast<std::ptrdiff_t>(below(live_.size())));
    }

    void attempt() {
        const auto chosen = any();
        if (chosen != live_.end()) {
            durable(
                make_attempt(chosen->first, ++chosen->second.attempts, static_cast<std::uint32_t>(below(3))));
        }
    }

    void settle() {
        const auto chosen = any();
        if (chosen == live_.end()) {
            return;
        }
        auto& recipients = chosen->second.recipients;
        const auto index = static_cast<std::uint16_t>(below(recipients.size()));
        const Outcome outcome = make_outcome(
            chosen->first, index, below(2) == 0 ? RecipientState::Pending : RecipientState::Delivered);
        recipients[index] = {outcome.recipients[0].state, outcome.recipients[0].reply};
        durable(outcome);
    }

    void finish() {
        const auto chosen = any();
        if (chosen != live_.end()) {
            durable(make_outcome(chosen->first, 0, RecipientState::Delivered, true));
            live_.erase(chosen);
        }
    }

    void durable(Record record) {
        const Done done = rig_->append(std::move(record), Durability::Synced);
        rig_->commit();
        ASSERT_TRUE(done->has_value() && **done);
    }

    // Time passes; the owner answers what it is asked.
    void pass() {
        rig_->tick(Duration{1500});
        if (rig_->segments_started > announced_) {
            announced_ = rig_->segments_started;
            durable(make_state("ses", 0));
        }
        for (const auto& [id, at] : std::exchange(rig_->carry_wanted, {})) {
            const auto known = live_.find(id.value);
            if (known == live_.end()) {
                continue;
            }
            ++carried_;
            Carried state;
            state.accepted = known->second.message->accepted;
            state.recipients = known->second.recipients;
            state.attempts = known->second.attempts;
            rig_->carry(std::move(state));
        }
        rig_->commit();
        rig_->tick(Duration{50});
    }

    void restart() {
        switch (below(3)) {
            case 0:
                rig_->close();
                break;
            case 1:
                rig_->drop();
                files_.restart_process();
                break;
            default:
                rig_->drop();
                files_.cut_power(below(2) == 0 ? PowerCut::LoseAll : PowerCut::KeepSubset, random_());
        }
        announced_ = 0;
        start();
    }

    void compare() {
        ASSERT_EQ(rig_->found.messages.size(), live_.size());
        for (const auto& [id, expected] : live_) {
            SCOPED_TRACE("message " + std::to_string(id));
            ASSERT_TRUE(rig_->found.messages.contains(id));
            const auto& found = rig_->found.messages[id];
            EXPECT_EQ(found.accepted, expected.message->accepted);
            EXPECT_EQ(found.attempts, expected.attempts);
            EXPECT_EQ(found.recipients, expected.recipients);
            const auto stored = rig_->read(found.location);
            ASSERT_TRUE(stored) << stored.error().message();
            EXPECT_EQ((*stored)->content, expected.message->content);
            const auto chain = rig_->reader->read_chain(found.newest);
            ASSERT_TRUE(chain);
            EXPECT_TRUE(std::holds_alternative<Accepted>(chain->back()) ||
                        std::holds_alternative<Carried>(chain->back()));
        }
        for (const auto& damage : rig_->report.damage) {
            // A power cut that keeps some of the last, never acknowledged writes may leave holes among them.
            EXPECT_NE(damage.reason.find("never acknowledged"), std::string::npos)
                << damage.file << ": " << damage.reason;
        }
    }

  public:
    int carried_ = 0;

  private:
    std::mt19937_64 random_;
    FaultFs files_;
    std::unique_ptr<Rig> rig_;
    std::map<std::uint64_t, Modelled> live_;
    std::uint64_t last_id_ = 0;
    int announced_ = 0;
};

TEST(SpoolModel, AgreesWithANaiveMapOverRestartsAndCompaction) {
    int carried = 0;
    for (std::uint64_t seed = 1; seed <= 8 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Model model(seed);
        model.run(400);
        carried += model.carried_;
    }
    EXPECT_GT(carried, 0) << "the model never compacted";
}

}  // namespace
}  // namespace posthouse::spool::test
