#include "daemon/spool/content_file.h"

#include "daemon/spool/bytes.h"
#include "daemon/spool/crc32c.h"

#include <algorithm>
#include <array>

namespace posthouse::spool {
namespace {

constexpr std::string_view kFooterMagic = "PHCONT\r\n";
constexpr std::size_t kBufferSize = 64U << 10U;

std::string path_of(const std::string& directory, MessageId id) {
    return directory + "/" + to_string(id);
}

std::string encode_footer(MessageId id, std::uint64_t size, std::uint32_t checksum) {
    std::string bytes(kFooterMagic);
    ByteWriter out(bytes);
    out.fixed(id.value);
    out.fixed(size);
    out.fixed(checksum);
    out.fixed(crc32c(bytes));
    return bytes;
}

}  // namespace

// --- writing
// --------------------------------------------------------------------------------------------------------

ContentWriter::ContentWriter(FileSystem& files, std::string directory, std::string path, MessageId id,
                             std::unique_ptr<File> file)
    : files_(files),
      directory_(std::move(directory)),
      path_(std::move(path)),
      id_(id),
      file_(std::move(file)) {}

Result<std::unique_ptr<ContentWriter>> ContentWriter::create(FileSystem& files, std::string directory,
                                                             MessageId id) {
    std::string path = path_of(directory, id);
    auto file = files.open(path, OpenMode::Create);
    if (!file) {
        return std::unexpected(file.error());
    }
    return std::unique_ptr<ContentWriter>(
        new ContentWriter(files, std::move(directory), std::move(path), id, std::move(*file)));
}

ContentWriter::~ContentWriter() {
    if (state_ == State::Open) {
        abort();
    }
}

void ContentWriter::abort() {
    if (state_ != State::Gone) {
        state_ = State::Gone;
        file_.reset();
        // A file that stays because this fails is removed by the next start.
        static_cast<void>(files_.remove(path_));
    }
}

Result<void> ContentWriter::write_out(std::string_view bytes) {
    const std::string_view parts[] = {buffer_, bytes};
    if (auto written = file_->write_at(written_, parts); !written) {
        abort();
        return written;
    }
    written_ += buffer_.size() + bytes.size();
    buffer_.clear();
    return {};
}

Result<void> ContentWriter::append(std::string_view bytes) {
    if (state_ != State::Open) {
        return fail("the content of message " + to_string(id_) + " is closed");
    }
    checksum_ = crc32c(bytes, checksum_);
    size_ += bytes.size();
    if (buffer_.size() + bytes.size() < kBufferSize) {
        buffer_.append(bytes);
        return {};
    }
    return write_out(bytes);
}

Result<void> ContentWriter::finish() {
    if (state_ != State::Open) {
        return fail("the content of message " + to_string(id_) + " is closed");
    }
    if (auto written = write_out(encode_footer(id_, size_, checksum_)); !written) {
        return written;
    }
    auto durable = file_->sync();
    if (durable) {
        durable = files_.sync_directory(directory_);
    }
    if (!durable) {
        abort();
        return durable;
    }
    state_ = State::Finished;
    file_.reset();
    buffer_ = {};
    return {};
}

// --- reading
// --------------------------------------------------------------------------------------------------------

ContentReader::ContentReader(std::string path, std::unique_ptr<File> file, std::uint64_t size,
                             std::uint32_t checksum)
    : path_(std::move(path)), file_(std::move(file)), size_(size), expected_checksum_(checksum) {}

Result<std::unique_ptr<ContentReader>> ContentReader::open(FileSystem& files, const std::string& directory,
                                                           MessageId id) {
    std::string path = path_of(directory, id);
    auto file = files.open(path, OpenMode::Read);
    if (!file) {
        return std::unexpected(file.error());
    }
    const auto whole = (*file)->size();
    if (!whole) {
        return std::unexpected(whole.error());
    }
    std::array<char, kContentFooterSize> bytes{};
    const std::uint64_t size = *whole - std::min<std::uint64_t>(*whole, kContentFooterSize);
    const auto got = (*file)->read_at(size, bytes);
    if (!got) {
        return std::unexpected(got.error());
    }
    const auto checksum = get_fixed<std::uint32_t>(bytes.data() + 24);
    if (std::string_view(bytes.data(), *got) != encode_footer(id, size, checksum)) {
        return fail("the content " + path + " is damaged or was never finished: its footer does not agree");
    }
    return std::unique_ptr<ContentReader>(
        new ContentReader(std::move(path), std::move(*file), size, checksum));
}

Result<std::size_t> ContentReader::account(Result<std::size_t> got, std::span<const char> bytes) {
    if (!got) {
        return got;
    }
    if (*got == 0 && !bytes.empty()) {
        return fail("the content " + path_ + " has become shorter");
    }
    checksum_ = crc32c({bytes.data(), *got}, checksum_);
    position_ += *got;
    if (position_ == size_ && checksum_ != expected_checksum_) {
        return fail("the content " + path_ + " is damaged: its checksum does not agree");
    }
    return got;
}

Result<std::size_t> ContentReader::read(std::span<char> into) {
    const auto part =
        into.first(static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), size_ - position_)));
    return account(file_->read_at(position_, part), part);
}

std::optional<Result<std::size_t>> ContentReader::read_now(std::span<char> into) {
    const auto part =
        into.first(static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), size_ - position_)));
    auto got = file_->read_cached(position_, part);
    if (!got) {
        return std::nullopt;
    }
    return account(std::move(*got), part);
}

void ContentReader::rewind() {
    position_ = 0;
    checksum_ = 0;
}

}  // namespace posthouse::spool
