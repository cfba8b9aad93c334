#include "daemon/spool/file_system.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

namespace posthouse::spool {
namespace {

// What a person can do about the failures that a person can do something about.
std::string_view advice(int error) {
    switch (error) {
        case ENOSPC:
            return ": free some disk space";
        case EDQUOT:
            return ": raise the disk quota";
        case EACCES:
        case EPERM:
            return ": check owner and permissions";
        case EROFS:
            return ": the file system is mounted read-only; check the disk";
        case EIO:
            return ": the disk is failing; check the kernel's log";
        case EMFILE:
        case ENFILE:
            return ": raise the limit of open files (LimitNOFILE)";
        default:
            return "";
    }
}

std::unexpected<Error> failure(std::string_view what, const std::string& path, int error) {
    std::string text = "cannot ";
    text.append(what)
        .append(" ")
        .append(path)
        .append(": ")
        .append(std::strerror(error))
        .append(advice(error));
    return fail(std::move(text), error);
}

template <class Call>
auto retry_interrupted(Call call) {
    while (true) {
        const auto result = call();
        if (result >= 0 || errno != EINTR) {
            return result;
        }
    }
}

class Descriptor {
  public:
    explicit Descriptor(int value) : value_(value) {}
    ~Descriptor() {
        if (value_ >= 0) {
            ::close(value_);
        }
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return value_; }
    [[nodiscard]] int release() { return std::exchange(value_, -1); }

  private:
    int value_;
};

class PosixFile final : public File {
  public:
    PosixFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}

    Result<void> write_at(std::uint64_t offset, std::span<const std::string_view> parts) override {
        constexpr std::size_t kMost = 1024;  // IOV_MAX on Linux
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): 16 KiB, filled as far as they are used.
        std::array<iovec, kMost> vectors;
        std::size_t next = 0;
        std::size_t skip = 0;  // octets of parts[next] already written
        while (next < parts.size()) {
            std::size_t count = 0;
            for (std::size_t i = next; i < parts.size() && count < kMost; ++i) {
                const std::string_view rest = parts[i].substr(i == next ? skip : 0);
                if (!rest.empty()) {
                    vectors[count++] = {const_cast<char*>(rest.data()), rest.size()};
                }
            }
            if (count == 0) {
                break;
            }
            const ssize_t written = retry_interrupted([&] {
                return ::pwritev(descriptor_.get(), vectors.data(), static_cast<int>(count),
                                 static_cast<off_t>(offset));
            });
            if (written <= 0) {
                return failure("write", path_, written < 0 ? errno : EIO);
            }
            offset += static_cast<std::uint64_t>(written);
            auto left = static_cast<std::size_t>(written);
            while (next < parts.size() && left >= parts[next].size() - skip) {
                left -= parts[next].size() - skip;
                skip = 0;
                ++next;
            }
            skip += left;
        }
        return {};
    }

    Result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) const override {
        std::size_t done = 0;
        while (done < into.size()) {
            const ssize_t got = retry_interrupted([&] {
                return ::pread(descriptor_.get(), into.data() + done, into.size() - done,
                               static_cast<off_t>(offset + done));
            });
            if (got < 0) {
                return failure("read", path_, errno);
            }
            if (got == 0) {
                break;
            }
            done += static_cast<std::size_t>(got);
        }
        return done;
    }

    std::optional<Result<std::size_t>> read_cached(std::uint64_t offset,
                                                   std::span<char> into) const override {
        std::size_t done = 0;
        while (done < into.size()) {
            const iovec vector{into.data() + done, into.size() - done};
            const ssize_t got = retry_interrupted([&] {
                return ::preadv2(descriptor_.get(), &vector, 1, static_cast<off_t>(offset + done),
                                 RWF_NOWAIT);
            });
            if (got < 0 && (errno == EAGAIN || errno == EOPNOTSUPP || errno == ENOSYS)) {
                return std::nullopt;
            }
            if (got < 0) {
                return failure("read", path_, errno);
            }
            if (got == 0) {
                break;
            }
            done += static_cast<std::size_t>(got);
        }
        return Result<std::size_t>(done);
    }

    Result<void> sync() override {
        // EINTR is no success, and what it means for the pages is nowhere defined: a failure like the others.
        if (::fdatasync(descriptor_.get()) < 0) {
            return failure("sync", path_, errno);
        }
        return {};
    }

    Result<void> truncate(std::uint64_t size) override {
        if (retry_interrupted([&] { return ::ftruncate(descriptor_.get(), static_cast<off_t>(size)); }) < 0) {
            return failure("truncate", path_, errno);
        }
        return {};
    }

    Result<void> reserve(std::uint64_t size) override {
        const int result =
            retry_interrupted([&] { return ::fallocate(descriptor_.get(), 0, 0, static_cast<off_t>(size)); });
        if (result < 0 && errno != EOPNOTSUPP && errno != ENOSYS) {
            return failure("reserve space for", path_, errno);
        }
        return {};
    }

    Result<std::uint64_t> size() const override {
        struct stat facts{};
        if (::fstat(descriptor_.get(), &facts) < 0) {
            return failure("examine", path_, errno);
        }
        return static_cast<std::uint64_t>(facts.st_size);
    }

  private:
    Descriptor descriptor_;
    std::string path_;
};

class PosixLock final : public DirectoryLock {
  public:
    explicit PosixLock(int descriptor) : descriptor_(descriptor) {}

  private:
    Descriptor descriptor_;  // closing it gives the lock back
};

FileKind kind_of(mode_t mode) {
    if (S_ISREG(mode)) {
        return FileKind::Regular;
    }
    if (S_ISDIR(mode)) {
        return FileKind::Directory;
    }
    return S_ISLNK(mode) ? FileKind::Symlink : FileKind::Other;
}

}  // namespace

Result<std::unique_ptr<File>> PosixFileSystem::open(const std::string& path, OpenMode mode) {
    int flags = O_CLOEXEC | O_NOFOLLOW;
    switch (mode) {
        case OpenMode::Read:
            flags |= O_RDONLY | O_NONBLOCK;
            break;  // a fifo must not stop us
        case OpenMode::Write:
            flags |= O_RDWR | O_NONBLOCK;
            break;
        case OpenMode::Create:
            flags |= O_RDWR | O_CREAT | O_EXCL;
            break;
    }
    const int descriptor = retry_interrupted([&] { return ::open(path.c_str(), flags, 0600); });
    if (descriptor < 0) {
        return failure(mode == OpenMode::Create ? "create" : "open", path, errno);
    }
    return std::make_unique<PosixFile>(descriptor, path);
}

Result<std::optional<FileStatus>> PosixFileSystem::status(const std::string& path) {
    struct stat facts{};
    if (::lstat(path.c_str(), &facts) < 0) {
        if (errno == ENOENT) {
            return std::optional<FileStatus>{};
        }
        return failure("examine", path, errno);
    }
    FileStatus status;
    status.kind = kind_of(facts.st_mode);
    status.size = static_cast<std::uint64_t>(facts.st_size);
    status.permissions = facts.st_mode & 07777U;
    status.owner = facts.st_uid;
    status.ours = facts.st_uid == ::geteuid();
    return std::optional<FileStatus>{status};
}

Result<void> PosixFileSystem::make_directory(const std::string& path) {
    if (::mkdir(path.c_str(), 0700) < 0) {
        return failure("create the directory", path, errno);
    }
    return {};
}

Result<void> PosixFileSystem::sync_directory(const std::string& path) {
    const Descriptor directory(
        retry_interrupted([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    if (directory.get() < 0) {
        return failure("open the directory", path, errno);
    }
    if (::fsync(directory.get()) < 0) {
        return failure("sync the directory", path, errno);
    }
    return {};
}

Result<std::vector<DirectoryEntry>> PosixFileSystem::list(const std::string& path) {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
    if (!directory) {
        return failure("list", path, errno);
    }
    std::vector<DirectoryEntry> entries;
    while (true) {
        errno = 0;
        const dirent* entry = ::readdir(directory.get());
        if (entry == nullptr) {
            break;
        }
        DirectoryEntry found;
        found.name = static_cast<const char*>(entry->d_name);
        if (found.name == "." || found.name == "..") {
            continue;
        }
        if (entry->d_type == DT_UNKNOWN) {  // some file systems do not say
            struct stat facts{};
            if (::fstatat(::dirfd(directory.get()), entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) == 0) {
                found.kind = kind_of(facts.st_mode);
            }
        } else {
            found.kind = kind_of(static_cast<mode_t>(DTTOIF(entry->d_type)));
        }
        entries.push_back(std::move(found));
    }
    if (errno != 0) {
        return failure("list", path, errno);
    }
    return entries;
}

Result<void> PosixFileSystem::rename(const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str()) < 0) {
        return failure("rename to " + to + " the file", from, errno);
    }
    return {};
}

Result<void> PosixFileSystem::remove(const std::string& path) {
    if (::unlink(path.c_str()) < 0) {
        return failure("remove", path, errno);
    }
    return {};
}

Result<DiskSpace> PosixFileSystem::space(const std::string& path) {
    struct statvfs facts{};
    if (retry_interrupted([&] { return ::statvfs(path.c_str(), &facts); }) < 0) {
        return failure("ask for the free space of", path, errno);
    }
    DiskSpace space;
    space.free = static_cast<std::uint64_t>(facts.f_bavail) * facts.f_frsize;
    space.total = static_cast<std::uint64_t>(facts.f_blocks) * facts.f_frsize;
    return space;
}

Result<std::unique_ptr<DirectoryLock>> PosixFileSystem::lock(const std::string& path,
                                                             std::string_view holder) {
    Descriptor file(retry_interrupted(
        [&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600); }));
    if (file.get() < 0) {
        return failure("open the lock file", path, errno);
    }
    if (::flock(file.get(), LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK) {
            return failure("lock", path, errno);
        }
        std::array<char, 256> text{};
        const ssize_t got = ::pread(file.get(), text.data(), text.size(), 0);
        std::string who(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
        while (!who.empty() && who.back() == '\n') {
            who.pop_back();
        }
        std::ranges::replace_if(who, [](unsigned char c) { return c < 0x20 || c >= 0x7F; }, '?');
        return fail("the spool is in use by " + (who.empty() ? "another process" : who) + " (" + path +
                        "): stop it first, or give this one a spool of its own",
                    EWOULDBLOCK);
    }
    // What it says is for people; the lock itself is the kernel's, and gone with its holder.
    if (::ftruncate(file.get(), 0) < 0 || ::pwrite(file.get(), holder.data(), holder.size(), 0) < 0) {
        if (errno != ENOSPC) {  // on a full disk the lock must still be had
            return failure("write to the lock file", path, errno);
        }
    }
    return std::make_unique<PosixLock>(file.release());
}

}  // namespace posthouse::spool
