// FaultFs: a file system in memory that knows what would survive a power cut, per file and per directory, and
// that can fail or stop at any of its operations.
//
// The model is a disk with a page cache, as Linux has it:
// - what is written is read back at once; it is durable only after sync() of that file;
// - a name that was made, renamed or removed is durable only after sync_directory() of its directory;
// - a failed sync() marks the pages clean: a later sync() of the same file succeeds and does not save them;
// - a power cut keeps any subset of the sectors and names that were not durable, and each file's old or new
// length.
//
// Every operation that changes something counts one step; a Fault says what happens at which step.
//
// Not thread-safe unless the test takes care of it; the threaded tests use the real file system.
#pragma once

#include "daemon/spool/file_system.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace posthouse::test {

struct Fault {
    enum class Kind : std::uint8_t {
        Fail,        // this operation fails with `error`; nothing of it happens (a sync loses its pages)
        FailOn,      // this one and every later one fail with `error`
        ShortWrite,  // a write does half of its work and fails with `error`; others as Fail
        Stop,        // the process dies before the operation
        StopWithin,  // the process dies in the middle of it: half of a write is done
    };
    Kind kind = Kind::Fail;
    int error = 5;  // EIO
};

enum class PowerCut : std::uint8_t {
    LoseAll,     // everything that is not durable
    KeepSubset,  // a random part of it stays
};

class FaultFs final : public spool::FileSystem {
  public:
    FaultFs();
    ~FaultFs() override;

    // --- faults
    void fault_at(std::uint64_t step, Fault fault);  // counted from now: 1 is the next operation
    void no_faults();
    [[nodiscard]] std::uint64_t steps() const { return steps_; }
    [[nodiscard]] bool stopped() const { return stopped_; }
    void set_free_bytes(std::uint64_t free) { free_bytes_ = free; }

    // The process is gone, the machine lives: the page cache stays. Everything open is closed.
    void restart_process();
    // The machine restarts.
    void cut_power(PowerCut how, std::uint64_t seed);

    // --- surgery
    [[nodiscard]] std::string contents(const std::string& path) const;
    [[nodiscard]] bool exists(const std::string& path) const;
    void put(const std::string& path, std::string bytes);                                 // durable
    void make_unreadable(const std::string& path, std::uint64_t from, std::uint64_t to);  // EIO when read
    void refuse_open(const std::string& path, int error);
    void set_permissions(const std::string& path, std::uint32_t permissions, bool ours);
    [[nodiscard]] std::vector<std::string> names(const std::string& directory) const;

    // --- FileSystem
    Result<std::unique_ptr<spool::File>> open(const std::string& path, spool::OpenMode mode) override;
    Result<std::optional<spool::FileStatus>> status(const std::string& path) override;
    Result<void> make_directory(const std::string& path) override;
    Result<void> sync_directory(const std::string& path) override;
    Result<std::vector<spool::DirectoryEntry>> list(const std::string& path) override;
    Result<void> rename(const std::string& from, const std::string& to) override;
    Result<void> remove(const std::string& path) override;
    Result<spool::DiskSpace> space(const std::string& path) override;
    Result<std::unique_ptr<spool::DirectoryLock>> lock(const std::string& path,
                                                       std::string_view holder) override;

  private:
    struct Node;
    class OpenFile;
    class HeldLock;
    using NodePtr = std::shared_ptr<Node>;
    // A change of names that is not durable yet: `node` appears as `to`, and leaves `from`.
    struct Change {
        std::string from, to;
        NodePtr node;
        bool directory = false;
    };
    using Names = std::map<std::string, NodePtr>;

    // What is to happen at this step.
    enum class Verdict : std::uint8_t { Go, Fail, Half, Dead };
    [[nodiscard]] Verdict step();
    [[nodiscard]] std::unexpected<Error> failure(const std::string& what, int error) const;
    static void apply(Names& names, const Change& change);
    [[nodiscard]] Result<void> change(const std::string& what, Change change);
    [[nodiscard]] NodePtr find(const std::string& path) const;

    Names names_;          // as the process sees them
    Names durable_names_;  // as the disk has them
    std::vector<Change> changes_;
    std::map<std::uint64_t, Fault> faults_;
    int error_ = 0;  // of the fault that happens now
    std::optional<Fault> from_now_on_;
    std::uint64_t steps_ = 0;
    std::uint64_t life_ = 0;  // of the process; handles of an earlier one are dead
    bool stopped_ = false;
    std::uint64_t free_bytes_ = 1ULL << 40U;
    std::set<std::string> locked_;
    std::map<std::string, int> refused_;
};

}  // namespace posthouse::test
