#include "tests/support/fault_file_system.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace posthouse::test {
namespace {

constexpr std::size_t kSector = 512;

std::string parent_of(const std::string& path) {
    const auto slash = path.find_last_of('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

struct FaultFs::Node {
    spool::FileKind kind = spool::FileKind::Regular;
    std::uint32_t permissions = 0600;
    bool ours = true;
    std::string bytes;            // as the process sees them
    std::string durable;          // as the disk has them
    std::set<std::size_t> dirty;  // sectors that the next sync saves
    bool length_dirty = false;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> unreadable;

    void mark(std::uint64_t from, std::uint64_t to) {
        for (std::uint64_t sector = from / kSector; sector * kSector < to; ++sector) {
            dirty.insert(static_cast<std::size_t>(sector));
        }
    }
    void write(std::uint64_t offset, std::string_view data) {
        if (offset + data.size() > bytes.size()) {
            bytes.resize(static_cast<std::size_t>(offset) + data.size());
            length_dirty = true;
        }
        std::ranges::copy(data, bytes.begin() + static_cast<std::ptrdiff_t>(offset));
        mark(offset, offset + data.size());
    }
    void resize(std::uint64_t size) {
        if (size != bytes.size()) {
            if (size < bytes.size()) {
                mark(size, bytes.size());  // should it grow again, zeros are there
            }
            bytes.resize(static_cast<std::size_t>(size));
            length_dirty = true;
        }
    }
    void save_sector(std::size_t sector) {
        const std::size_t from = sector * kSector;
        const std::size_t to = std::min(from + kSector, std::min(bytes.size(), durable.size()));
        if (from < to) {
            std::copy(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                      bytes.begin() + static_cast<std::ptrdiff_t>(to),
                      durable.begin() + static_cast<std::ptrdiff_t>(from));
        }
    }
    void save() {
        if (length_dirty) {
            durable.resize(bytes.size());
        }
        for (const std::size_t sector : dirty) {
            save_sector(sector);
        }
        forget_dirty();
    }
    void forget_dirty() {
        dirty.clear();
        length_dirty = false;
    }
};

class FaultFs::OpenFile final : public spool::File {
  public:
    OpenFile(FaultFs& files, NodePtr node, std::string path)
        : files_(files), node_(std::move(node)), path_(std::move(path)), life_(files.life_) {}

    Result<void> write_at(std::uint64_t offset, std::span<const std::string_view> parts) override {
        std::string all;
        for (const auto part : parts) {
            all.append(part);
        }
        const Verdict verdict = step();
        if (verdict == Verdict::Half) {
            // Whatever stops a write, it stops at a sector's edge.
            const std::uint64_t edge = (offset + all.size() / 2) / kSector * kSector;
            node_->write(offset, std::string_view(all).substr(0, edge - std::min(edge, offset)));
        }
        if (verdict != Verdict::Go) {
            return failure("write");
        }
        node_->write(offset, all);
        return {};
    }
    Result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) const override {
        if (dead()) {
            return failure("read");
        }
        for (const auto& [from, to] : node_->unreadable) {
            if (offset < to && offset + into.size() > from) {
                files_.error_ = EIO;
                return failure("read");
            }
        }
        const std::size_t there = node_->bytes.size() - std::min<std::uint64_t>(offset, node_->bytes.size());
        const std::size_t count = std::min(there, into.size());
        std::copy_n(node_->bytes.begin() +
                        static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(offset, node_->bytes.size())),
                    count, into.begin());
        return count;
    }
    std::optional<Result<std::size_t>> read_cached(std::uint64_t offset,
                                                   std::span<char> into) const override {
        return read_at(offset, into);
    }
    Result<void> sync() override {
        if (step() != Verdict::Go) {
            if (!files_.stopped_) {
                node_->forget_dirty();
            }
            return failure("sync");
        }
        node_->save();
        return {};
    }
    Result<void> truncate(std::uint64_t size) override {
        if (step() != Verdict::Go) {
            return failure("truncate");
        }
        node_->resize(size);
        return {};
    }
    Result<void> reserve(std::uint64_t size) override {
        if (step() != Verdict::Go) {
            return failure("reserve");
        }
        node_->resize(std::max<std::uint64_t>(size, node_->bytes.size()));
        return {};
    }
    Result<std::uint64_t> size() const override {
        if (dead()) {
            return failure("examine");
        }
        return node_->bytes.size();
    }

  private:
    [[nodiscard]] bool dead() const { return files_.stopped_ || life_ != files_.life_; }
    [[nodiscard]] Verdict step() { return dead() ? Verdict::Dead : files_.step(); }
    [[nodiscard]] std::unexpected<Error> failure(const std::string& what) const {
        return files_.failure(what + " " + path_, files_.error_);
    }

    FaultFs& files_;
    NodePtr node_;
    std::string path_;
    std::uint64_t life_;
};

class FaultFs::HeldLock final : public spool::DirectoryLock {
  public:
    HeldLock(FaultFs& files, std::string path) : files_(files), path_(std::move(path)), life_(files.life_) {}
    ~HeldLock() override {
        if (life_ == files_.life_) {
            files_.locked_.erase(path_);
        }
    }

  private:
    FaultFs& files_;
    std::string path_;
    std::uint64_t life_;
};

FaultFs::FaultFs() {
    auto root = std::make_shared<Node>();
    root->kind = spool::FileKind::Directory;
    names_["/"] = root;
    durable_names_["/"] = root;
}

FaultFs::~FaultFs() = default;

// --- faults
// ---------------------------------------------------------------------------------------------------------

void FaultFs::fault_at(std::uint64_t step, Fault fault) {
    faults_[steps_ + step] = fault;
}

void FaultFs::no_faults() {
    faults_.clear();
    from_now_on_.reset();
}

FaultFs::Verdict FaultFs::step() {
    error_ = EIO;
    if (stopped_) {
        return Verdict::Dead;
    }
    ++steps_;
    std::optional<Fault> fault = from_now_on_;
    if (const auto found = faults_.find(steps_); found != faults_.end()) {
        fault = found->second;
    }
    if (!fault) {
        return Verdict::Go;
    }
    error_ = fault->error;
    switch (fault->kind) {
        case Fault::Kind::Fail:
            return Verdict::Fail;
        case Fault::Kind::FailOn:
            from_now_on_ = fault;
            return Verdict::Fail;
        case Fault::Kind::ShortWrite:
            return Verdict::Half;
        case Fault::Kind::Stop:
            stopped_ = true;
            return Verdict::Dead;
        case Fault::Kind::StopWithin:
            stopped_ = true;
            return Verdict::Half;
    }
    return Verdict::Go;
}

std::unexpected<Error> FaultFs::failure(const std::string& what, int error) const {
    return fail("cannot " + what + ": " + std::strerror(error), error);
}

void FaultFs::restart_process() {
    ++life_;
    stopped_ = false;
    locked_.clear();
    no_faults();
}

void FaultFs::cut_power(PowerCut how, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto keep = [&] { return how == PowerCut::KeepSubset && random() % 2 == 0; };
    for (const auto& change : changes_) {
        if (keep()) {
            apply(durable_names_, change);
        }
    }
    changes_.clear();
    names_ = durable_names_;
    for (const auto& [path, node] : names_) {
        if (node->length_dirty && keep()) {
            node->durable.resize(node->bytes.size());
        }
        for (const std::size_t sector : node->dirty) {
            if (keep()) {
                node->save_sector(sector);
            }
        }
        node->bytes = node->durable;
        node->forget_dirty();
    }
    restart_process();
}

// --- names
// ----------------------------------------------------------------------------------------------------------

FaultFs::NodePtr FaultFs::find(const std::string& path) const {
    const auto found = names_.find(path);
    return found == names_.end() ? nullptr : found->second;
}

void FaultFs::apply(Names& names, const Change& change) {
    if (!change.from.empty()) {
        names.erase(change.from);
    }
    if (!change.to.empty()) {
        names[change.to] = change.node;
    }
}

Result<void> FaultFs::change(const std::string& what, Change change) {
    if (step() != Verdict::Go) {
        return failure(what, error_);
    }
    apply(names_, change);
    changes_.push_back(std::move(change));
    return {};
}

Result<std::unique_ptr<spool::File>> FaultFs::open(const std::string& path, spool::OpenMode mode) {
    if (stopped_) {
        return failure("open " + path, EIO);
    }
    if (const auto refused = refused_.find(path); refused != refused_.end()) {
        return failure("open " + path, refused->second);
    }
    NodePtr node = find(path);
    if (mode == spool::OpenMode::Create) {
        if (node) {
            return failure("create " + path, EEXIST);
        }
        if (!find(parent_of(path))) {
            return failure("create " + path, ENOENT);
        }
        node = std::make_shared<Node>();
        Change made;
        made.to = path;
        made.node = node;
        if (auto changed = change("create " + path, std::move(made)); !changed) {
            return std::unexpected(changed.error());
        }
    }
    if (!node) {
        return failure("open " + path, ENOENT);
    }
    return std::make_unique<OpenFile>(*this, node, path);
}

Result<std::optional<spool::FileStatus>> FaultFs::status(const std::string& path) {
    if (stopped_) {
        return failure("examine " + path, EIO);
    }
    const NodePtr node = find(path);
    if (!node) {
        return std::optional<spool::FileStatus>{};
    }
    spool::FileStatus status;
    status.kind = node->kind;
    status.size = node->bytes.size();
    status.permissions = node->permissions;
    status.ours = node->ours;
    return std::optional(status);
}

Result<void> FaultFs::make_directory(const std::string& path) {
    if (find(path)) {
        return failure("create " + path, EEXIST);
    }
    if (!find(parent_of(path))) {
        return failure("create " + path, ENOENT);
    }
    Change made;
    made.to = path;
    made.node = std::make_shared<Node>();
    made.node->kind = spool::FileKind::Directory;
    made.node->permissions = 0700;
    return change("create " + path, std::move(made));
}

Result<void> FaultFs::sync_directory(const std::string& path) {
    if (step() != Verdict::Go) {
        return failure("sync " + path, error_);
    }
    if (!find(path)) {
        return failure("sync " + path, ENOENT);
    }
    std::vector<Change> rest;
    for (auto& change : changes_) {
        if ((!change.from.empty() && parent_of(change.from) == path) ||
            (!change.to.empty() && parent_of(change.to) == path)) {
            apply(durable_names_, change);
        } else {
            rest.push_back(std::move(change));
        }
    }
    changes_ = std::move(rest);
    return {};
}

Result<std::vector<spool::DirectoryEntry>> FaultFs::list(const std::string& path) {
    if (stopped_) {
        return failure("list " + path, EIO);
    }
    if (!find(path)) {
        return failure("list " + path, ENOENT);
    }
    std::vector<spool::DirectoryEntry> entries;
    for (const auto& [name, node] : names_) {
        if (name != "/" && parent_of(name) == path) {
            entries.push_back({name.substr(name.find_last_of('/') + 1), node->kind});
        }
    }
    return entries;
}

Result<void> FaultFs::rename(const std::string& from, const std::string& to) {
    const NodePtr node = find(from);
    if (!node) {
        return failure("rename " + from, ENOENT);
    }
    Change moved;
    moved.from = from;
    moved.to = to;
    moved.node = node;
    return change("rename " + from, std::move(moved));
}

Result<void> FaultFs::remove(const std::string& path) {
    if (!find(path)) {
        return failure("remove " + path, ENOENT);
    }
    Change gone;
    gone.from = path;
    return change("remove " + path, std::move(gone));
}

Result<spool::DiskSpace> FaultFs::space(const std::string&) {
    return spool::DiskSpace{free_bytes_, 1ULL << 40U};
}

Result<std::unique_ptr<spool::DirectoryLock>> FaultFs::lock(const std::string& path,
                                                            std::string_view holder) {
    if (stopped_) {
        return failure("lock " + path, EIO);
    }
    if (!locked_.insert(path).second) {
        return fail("the spool is in use by " + find(path)->bytes, EWOULDBLOCK);
    }
    put(path, std::string(holder));
    return std::make_unique<HeldLock>(*this, path);
}

// --- surgery
// --------------------------------------------------------------------------------------------------------

std::string FaultFs::contents(const std::string& path) const {
    const NodePtr node = find(path);
    return node ? node->bytes : std::string();
}

bool FaultFs::exists(const std::string& path) const {
    return find(path) != nullptr;
}

void FaultFs::put(const std::string& path, std::string bytes) {
    NodePtr node = find(path);
    if (!node) {
        node = std::make_shared<Node>();
        names_[path] = node;
        durable_names_[path] = node;
    }
    node->bytes = std::move(bytes);
    node->durable = node->bytes;
    node->forget_dirty();
}

void FaultFs::make_unreadable(const std::string& path, std::uint64_t from, std::uint64_t to) {
    find(path)->unreadable.emplace_back(from, to);
}

void FaultFs::refuse_open(const std::string& path, int error) {
    refused_[path] = error;
}

void FaultFs::set_permissions(const std::string& path, std::uint32_t permissions, bool ours) {
    const NodePtr node = find(path);
    node->permissions = permissions;
    node->ours = ours;
}

std::vector<std::string> FaultFs::names(const std::string& directory) const {
    std::vector<std::string> found;
    for (const auto& [name, node] : names_) {
        if (name != "/" && parent_of(name) == directory) {
            found.push_back(name.substr(name.find_last_of('/') + 1));
        }
    }
    return found;
}

}  // namespace posthouse::test
