#include "daemon/spool/spool.h"

#include "daemon/runtime/clock.h"
#include "daemon/spool/cleaner.h"
#include "daemon/spool/content_file.h"
#include "daemon/spool/layout.h"
#include "daemon/spool/recovery.h"
#include "daemon/spool/segment_reader.h"
#include "daemon/spool/spool_threads.h"
#include "daemon/spool/writer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <random>
#include <unistd.h>
#include <utility>

namespace posthouse::spool {
namespace {

std::string holder_text() {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) < 0) {
        host[0] = '?';
    }
    return "process " + std::to_string(::getpid()) + " on host " + host.data() + "\n";
}

std::uint64_t random_salt() {
    std::random_device device;
    return std::uint64_t{device()} << 32U | device();
}

// Offsets are kept in 31 bits, and a group may run over the edge of a segment.
void keep_in_range(Options& options) {
    constexpr std::uint32_t kSmallest = 64U << 10U;
    constexpr std::uint32_t kLargest = 1U << 30U;
    options.segment_size = std::clamp(options.segment_size, kSmallest, kLargest);
}

}  // namespace

struct Spool::Impl {
    Impl(FileSystem& file_system, Options given, std::unique_ptr<DirectoryLock> held, RecoveryResult found)
        : files(file_system),
          options(std::move(given)),
          layout(options.path),
          lock(std::move(held)),
          reader(files, layout, found.start.salt),
          cleaner(files, layout, found.start.salt, reader, gauges),
          writer(files, layout, options, std::move(found.start), reader, gauges, counters) {
        gauges.last_id = found.last_id.value;
        gauges.content_bytes = found.content_bytes;
    }

    FileSystem& files;
    Options options;
    Layout layout;
    std::unique_ptr<DirectoryLock> lock;  // given back last
    runtime::SystemClock clock;
    Gauges gauges;
    Counters counters;
    SegmentReader reader;
    Cleaner cleaner;
    Writer writer;
    std::unique_ptr<SpoolThreads> threads;
};

Result<std::unique_ptr<Spool>> Spool::open(FileSystem& files, Options options, RecoveryVisitor& visitor,
                                           RecoveryReport& report) {
    keep_in_range(options);
    const Layout layout(options.path);
    if (auto prepared = prepare_directory(files, layout); !prepared) {
        return std::unexpected(prepared.error());
    }
    auto lock = files.lock(layout.lock, holder_text());
    if (!lock) {
        return std::unexpected(lock.error());
    }
    auto recovered = recover(files, layout, random_salt(), visitor, report);
    if (!recovered) {
        return std::unexpected(recovered.error());
    }
    std::unique_ptr<Spool> spool(new Spool());
    spool->impl_ = std::make_unique<Impl>(files, std::move(options), std::move(*lock), std::move(*recovered));
    Impl& impl = *spool->impl_;
    if (auto started = impl.writer.start(impl.clock.now()); !started) {
        // A full disk is a state to live with: what is queued can still be read and relayed.
        if (started.error().os_error() != ENOSPC && started.error().os_error() != EDQUOT) {
            return std::unexpected(started.error());
        }
    }
    impl.threads = std::make_unique<SpoolThreads>(impl.writer, impl.cleaner, impl.clock, impl.options.gather,
                                                  spool->open_transactions_);
    return spool;
}

Spool::~Spool() = default;

MessageId Spool::next_id(TimePoint now) {
    const auto from_clock = static_cast<std::uint64_t>(std::max<std::int64_t>(to_unix_ms(now), 0)) << 20U;
    auto& last = impl_->gauges.last_id;
    std::uint64_t before = last.load(std::memory_order_relaxed);
    std::uint64_t next = 0;
    do {
        next = std::max(before + 1, from_clock);
    } while (!last.compare_exchange_weak(before, next, std::memory_order_relaxed));
    return MessageId{next};
}

void Spool::accept(StoredPtr message, AppendDone done) {
    Entry entry;
    entry.what = std::move(message);
    entry.durability = Durability::Synced;
    entry.done = std::move(done);
    impl_->threads->push(std::move(entry));
}

void Spool::append(Record record, Durability durability, AppendDone done) {
    Entry entry;
    entry.what = std::move(record);
    entry.durability = durability;
    entry.done = std::move(done);
    impl_->threads->push(std::move(entry));
}

void Spool::carry(Carried state, Location, AppendDone done) {
    Entry entry;
    entry.what = CarryRequest{std::move(state)};
    entry.durability = Durability::Relaxed;
    entry.done = std::move(done);
    impl_->threads->push(std::move(entry));
}

Result<std::unique_ptr<ContentWriter>> Spool::create_content(MessageId id) {
    return ContentWriter::create(impl_->files, impl_->layout.content, id);
}

Result<std::unique_ptr<ContentReader>> Spool::open_content(MessageId id) {
    return ContentReader::open(impl_->files, impl_->layout.content, id);
}

namespace {

Result<StoredPtr> to_stored(Result<ReadFrame> frame, Location location) {
    if (!frame) {
        return std::unexpected(frame.error());
    }
    auto stored = std::make_shared<Stored>();
    if (auto* accepted = std::get_if<Accepted>(&frame->record)) {
        stored->accepted = std::move(*accepted);
    } else if (auto* carried = std::get_if<Carried>(&frame->record)) {
        stored->accepted = std::move(carried->accepted);
    } else {
        return fail("segment " + segment_name(location.segment) + ", offset " +
                    std::to_string(location.offset) + ": the record there is no message");
    }
    stored->content = std::move(frame->content);
    return stored;
}

}  // namespace

std::optional<Result<StoredPtr>> Spool::read_message_now(Location location) {
    auto frame = impl_->reader.read(location, Reading::CachedOnly, true);
    if (!frame) {
        return std::nullopt;
    }
    return to_stored(std::move(*frame), location);
}

Result<StoredPtr> Spool::read_message(Location location) {
    return to_stored(impl_->reader.read(location, true), location);
}

Result<std::vector<Record>> Spool::read_chain(Location newest) {
    return impl_->reader.read_chain(newest);
}

void Spool::on_segment_started(std::move_only_function<void()> callback) {
    impl_->threads->with_writer([callback = std::move(callback)](Writer& writer) mutable {
        writer.on_segment_started(std::move(callback));
    });
}

void Spool::on_carry_wanted(std::move_only_function<void(MessageId, Location)> callback) {
    impl_->threads->with_cleaner([callback = std::move(callback)](Cleaner& cleaner) mutable {
        cleaner.on_carry_wanted(std::move(callback));
    });
}

SpaceState Spool::space() const {
    return impl_->writer.space();
}

const Counters& Spool::counters() const {
    return impl_->counters;
}

}  // namespace posthouse::spool
