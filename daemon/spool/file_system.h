// FileSystem: every system call that the spool makes, as an interface, so that tests can make each one fail
// and cut the power between any two.
//
// PosixFileSystem is the only place with raw file calls. It retries EINTR and completes short writes; every
// failure is a value whose message names the call, the path and what to do, and whose os_error() is errno.
//
// Durability, as the spool relies on it: bytes of a file are safe after sync(); a name in a directory
// (created, renamed, removed) is safe after sync_directory() of that directory. Nothing else is promised.
//
// Threads: a FileSystem may be used from any thread. A File may be read from any thread; it has one writer.
#pragma once

#include "protocol/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::spool {

// An open file; closed by its destructor.
class File {
  public:
    File() = default;
    virtual ~File() = default;
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    // Writes all parts one after the other, or fails; after a failure any part of them may be in the file.
    [[nodiscard]] virtual Result<void> write_at(std::uint64_t offset,
                                                std::span<const std::string_view> parts) = 0;
    // Reads until `into` is full or the file ends.
    [[nodiscard]] virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) const = 0;
    // The same out of the page cache; nothing when the disk would have to be asked.
    [[nodiscard]] virtual std::optional<Result<std::size_t>> read_cached(std::uint64_t offset,
                                                                         std::span<char> into) const = 0;
    // fdatasync. Once it has failed, what was written since the last success is lost for good: never call it
    // again on this file (Linux marks the pages clean, so a second call would report success).
    [[nodiscard]] virtual Result<void> sync() = 0;
    [[nodiscard]] virtual Result<void> truncate(std::uint64_t size) = 0;
    // Makes the file at least `size` octets long with its blocks allocated and reading as zeros, so that a
    // later sync() has no size to record. A file system that cannot do it leaves the file as it is: that is
    // no failure.
    [[nodiscard]] virtual Result<void> reserve(std::uint64_t size) = 0;
    [[nodiscard]] virtual Result<std::uint64_t> size() const = 0;
};

enum class FileKind : std::uint8_t { Regular, Directory, Symlink, Other };

struct FileStatus {
    FileKind kind = FileKind::Other;
    std::uint64_t size = 0;
    std::uint32_t permissions = 0;  // the lower 12 bits of st_mode
    std::uint32_t owner = 0;        // user id
    bool ours = false;              // owner is the effective user of this process
};

struct DirectoryEntry {
    std::string name;  // without the path; "." and ".." are left out
    FileKind kind = FileKind::Other;
};

struct DiskSpace {
    std::uint64_t free = 0;  // what an unprivileged process may still use
    std::uint64_t total = 0;
};

// Held until destroyed.
class DirectoryLock {
  public:
    DirectoryLock() = default;
    virtual ~DirectoryLock() = default;
    DirectoryLock(const DirectoryLock&) = delete;
    DirectoryLock& operator=(const DirectoryLock&) = delete;
};

enum class OpenMode : std::uint8_t {
    Read,    // must exist; never follows a symbolic link
    Write,   // must exist; for reading and writing
    Create,  // must not exist; mode 0600, for reading and writing
};

class FileSystem {
  public:
    FileSystem() = default;
    virtual ~FileSystem() = default;
    FileSystem(const FileSystem&) = delete;
    FileSystem& operator=(const FileSystem&) = delete;

    [[nodiscard]] virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
    // Nothing if there is no such name. Does not follow a symbolic link.
    [[nodiscard]] virtual Result<std::optional<FileStatus>> status(const std::string& path) = 0;
    // Mode 0700. The parent must exist; an existing directory is a failure with EEXIST.
    [[nodiscard]] virtual Result<void> make_directory(const std::string& path) = 0;
    [[nodiscard]] virtual Result<void> sync_directory(const std::string& path) = 0;
    // In no particular order.
    [[nodiscard]] virtual Result<std::vector<DirectoryEntry>> list(const std::string& path) = 0;
    // Replaces `to` at once.
    [[nodiscard]] virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
    [[nodiscard]] virtual Result<void> remove(const std::string& path) = 0;
    [[nodiscard]] virtual Result<DiskSpace> space(const std::string& path) = 0;
    // Takes the lock file at `path`, creating it if needed, and writes `holder` into it. If another process
    // has it, fails with EWOULDBLOCK and a message that quotes what that one wrote.
    [[nodiscard]] virtual Result<std::unique_ptr<DirectoryLock>> lock(const std::string& path,
                                                                      std::string_view holder) = 0;
};

class PosixFileSystem final : public FileSystem {
  public:
    Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
    Result<std::optional<FileStatus>> status(const std::string& path) override;
    Result<void> make_directory(const std::string& path) override;
    Result<void> sync_directory(const std::string& path) override;
    Result<std::vector<DirectoryEntry>> list(const std::string& path) override;
    Result<void> rename(const std::string& from, const std::string& to) override;
    Result<void> remove(const std::string& path) override;
    Result<DiskSpace> space(const std::string& path) override;
    Result<std::unique_ptr<DirectoryLock>> lock(const std::string& path, std::string_view holder) override;
};

}  // namespace posthouse::spool
