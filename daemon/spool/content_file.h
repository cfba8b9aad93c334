// A large content in a file of its own: <spool>/content/<id>. The content's octets come first, then a footer
// of 32 octets (kContentFooterSize) that names the message, the size and the checksum; a file without a valid
// footer was never finished.
//
// Order that makes it safe: append... -> finish() (footer, fdatasync, fsync of the directory) ->
// Spool::accept() with accepted.external. A crash before accept() leaves a file that no live message names;
// recovery removes it.
//
// All functions block on the disk: call them on a disk thread. One owner at a time.
#pragma once

#include "daemon/spool/file_system.h"
#include "daemon/spool/message_id.h"
#include "protocol/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace posthouse::spool {

inline constexpr std::size_t kContentFooterSize = 32;

class ContentWriter {
  public:
    // `directory` is <spool>/content; a file of that id must not exist yet.
    static Result<std::unique_ptr<ContentWriter>> create(FileSystem& files, std::string directory,
                                                         MessageId id);
    ~ContentWriter();  // removes the file unless finish() has succeeded
    ContentWriter(const ContentWriter&) = delete;
    ContentWriter& operator=(const ContentWriter&) = delete;

    [[nodiscard]] Result<void> append(std::string_view bytes);
    // Makes the content durable. After a failure the file is removed and the writer useless: the message must
    // be refused.
    [[nodiscard]] Result<void> finish();
    void abort();  // removes the file
    [[nodiscard]] std::uint64_t size() const { return size_; }

  private:
    ContentWriter(FileSystem& files, std::string directory, std::string path, MessageId id,
                  std::unique_ptr<File> file);

    enum class State : std::uint8_t { Open, Finished, Gone };
    [[nodiscard]] Result<void> write_out(std::string_view bytes);

    FileSystem& files_;
    std::string directory_;
    std::string path_;
    MessageId id_;
    std::unique_ptr<File> file_;
    std::string buffer_;  // small chunks are gathered to whole blocks
    std::uint64_t size_ = 0;
    std::uint64_t written_ = 0;
    std::uint32_t checksum_ = 0;
    State state_ = State::Open;
};

// Reads a finished content. Read from the start to the end in order, the last octets are only given out if
// the checksum of the whole agrees: a damaged content never reaches its end.
class ContentReader {
  public:
    // Fails if the file is missing, unfinished or of another message.
    static Result<std::unique_ptr<ContentReader>> open(FileSystem& files, const std::string& directory,
                                                       MessageId id);

    [[nodiscard]] std::uint64_t size() const { return size_; }  // of the content, without the footer
    // The next octets, at most into.size(); 0 at the end.
    [[nodiscard]] Result<std::size_t> read(std::span<char> into);
    // The same out of the page cache; nothing when it would block: then call read() on a disk thread.
    [[nodiscard]] std::optional<Result<std::size_t>> read_now(std::span<char> into);
    void rewind();

  private:
    ContentReader(std::string path, std::unique_ptr<File> file, std::uint64_t size, std::uint32_t checksum);
    [[nodiscard]] Result<std::size_t> account(Result<std::size_t> got, std::span<const char> bytes);

    std::string path_;
    std::unique_ptr<File> file_;
    std::uint64_t size_ = 0;
    std::uint32_t expected_checksum_ = 0;
    std::uint64_t position_ = 0;
    std::uint32_t checksum_ = 0;
};

}  // namespace posthouse::spool
