// The spool as a whole: its threads, on the real file system.
#include "daemon/spool/spool.h"

#include "daemon/spool/content_file.h"
#include "daemon/spool/layout.h"
#include "daemon/spool/spool_inspect.h"
#include "tests/spool/rig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <latch>
#include <sstream>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace posthouse::spool::test {
namespace {

using testing::HasSubstr;

const TimePoint kNow = from_unix_ms(1'700'000'000'000);

struct RealSpool : testing::Test {
    std::string directory;
    PosixFileSystem files;
    Found found;
    RecoveryReport report;
    std::unique_ptr<Spool> spool;

    void SetUp() override {
        std::string name = testing::TempDir() + "posthouse-spool-XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        directory = name;
    }
    void TearDown() override {
        spool.reset();
        std::error_code ignored;
        std::filesystem::remove_all(directory, ignored);
    }
    [[nodiscard]] Options options() const {
        Options options;
        options.path = directory + "/a/spool";
        options.segment_size = 256U << 10U;
        options.min_free = 0;
        return options;
    }
    void open() {
        spool.reset();
        found = {};
        report = {};
        auto opened = Spool::open(files, options(), found, report);
        ASSERT_TRUE(opened) << opened.error().message();
        spool = std::move(*opened);
    }
    Result<Location> accept(StoredPtr message) {
        std::promise<Result<Location>> promise;
        auto result = promise.get_future();
        spool->accept(std::move(message), [&](Result<Location> done) { promise.set_value(std::move(done)); });
        return result.get();
    }
    Result<Location> append(Record record, Durability durability) {
        std::promise<Result<Location>> promise;
        auto result = promise.get_future();
        spool->append(std::move(record), durability,
                      [&](Result<Location> done) { promise.set_value(std::move(done)); });
        return result.get();
    }
};

TEST_F(RealSpool, KeepsAcceptedMessagesOverARestart) {
    open();
    const auto first = accept(make_message(1, 1000, 2));
    ASSERT_TRUE(first);
    ASSERT_TRUE(append(make_attempt(1, 1), Durability::Written));
    ASSERT_TRUE(append(make_outcome(1, 1, RecipientState::Delivered), Durability::Relaxed));
    ASSERT_TRUE(accept(make_message(2, 10)));
    ASSERT_TRUE(append(make_outcome(2, 0, RecipientState::Delivered, true), Durability::Synced));
    open();
    EXPECT_TRUE(report.damage.empty());
    ASSERT_EQ(found.messages.size(), 1U);
    const auto& message = found.messages[1];
    EXPECT_EQ(message.accepted.envelope, make_accepted(1, 2).envelope);
    EXPECT_EQ(message.attempts, 1U);
    EXPECT_EQ(message.recipients.at(1).state, RecipientState::Delivered);
    const auto stored = spool->read_message(message.location);
    ASSERT_TRUE(stored);
    EXPECT_EQ((*stored)->content, make_content(1, 1000));
    if (const auto now = spool->read_message_now(message.location)) {  // nothing where the kernel cannot tell
        ASSERT_TRUE(*now);
        EXPECT_EQ((**now)->content, make_content(1, 1000));
    }
    EXPECT_EQ(spool->read_chain(message.newest)->size(), 3U);
}

TEST_F(RealSpool, TakesFromManyThreadsAtOnceAndLosesNone) {
    open();
    constexpr std::uint64_t kThreads = 8;
    constexpr std::uint64_t kEach = 50;
    std::atomic<std::uint64_t> succeeded{0};
    {
        std::vector<std::jthread> threads;
        for (std::uint64_t t = 0; t < kThreads; ++t) {
            threads.emplace_back([&, t] {
                for (std::uint64_t i = 0; i < kEach; ++i) {
                    spool->transaction_opened();
                    const std::uint64_t id = 1 + t * kEach + i;
                    if (accept(make_message(id, 3000)) && append(make_attempt(id, 1), Durability::Relaxed)) {
                        ++succeeded;
                    }
                    spool->transaction_closed();
                }
            });
        }
    }
    EXPECT_EQ(succeeded, kThreads * kEach);
    EXPECT_LT(spool->counters().syncs, kThreads * kEach) << "nothing was grouped";
    open();
    EXPECT_EQ(found.messages.size(), kThreads * kEach);
    for (const auto& [id, message] : found.messages) {
        EXPECT_EQ(message.attempts, 1U);
    }
    EXPECT_TRUE(report.damage.empty());
}

TEST_F(RealSpool, WritesWhatIsStillWaitingBeforeItCloses) {
    open();
    std::latch done(20);
    for (std::uint64_t id = 1; id <= 20; ++id) {
        spool->accept(make_message(id, 100), [&done](const Result<Location>&) { done.count_down(); });
        spool->append(make_attempt(id, 1), Durability::Relaxed);
    }
    spool->append(Stopped{kNow}, Durability::Synced);
    spool.reset();
    EXPECT_TRUE(done.try_wait());
    open();
    EXPECT_EQ(found.messages.size(), 20U);
    EXPECT_TRUE(report.clean_stop);
}

TEST_F(RealSpool, GivesOutIdsThatRiseEvenIfTheClockFallsBack) {
    open();
    const MessageId first = spool->next_id(kNow);
    const MessageId second = spool->next_id(kNow - std::chrono::hours{24});
    EXPECT_GT(second, first);
    EXPECT_EQ(first.value >> 20U, static_cast<std::uint64_t>(to_unix_ms(kNow)));
    ASSERT_TRUE(accept(make_message(second.value, 10)));
    open();
    EXPECT_GT(spool->next_id(from_unix_ms(0)), second);
}

TEST_F(RealSpool, AnnouncesTheSegmentThatIsAlreadyOpen) {
    open();
    std::promise<void> told;
    spool->on_segment_started([&told, once = false]() mutable {
        if (!std::exchange(once, true)) {
            told.set_value();
        }
    });
    told.get_future().wait();
    spool.reset();
}

TEST_F(RealSpool, StreamsALargeContentThroughAFileOfItsOwn) {
    open();
    std::string content;
    {
        auto writer = spool->create_content(MessageId{5});
        ASSERT_TRUE(writer) << writer.error().message();
        for (int i = 0; i < 300; ++i) {
            const std::string chunk(static_cast<std::size_t>(i * 7 + 1), static_cast<char>('a' + i % 26));
            ASSERT_TRUE((*writer)->append(chunk));
            content += chunk;
        }
        ASSERT_TRUE((*writer)->finish());
        EXPECT_EQ((*writer)->size(), content.size());
    }
    auto stored = std::make_shared<Stored>();
    stored->accepted = make_accepted(5);
    stored->accepted.external = true;
    stored->accepted.facts.size = content.size();
    ASSERT_TRUE(accept(stored));
    EXPECT_GE(spool->space().used_bytes, 0U);
    open();
    ASSERT_EQ(found.messages.size(), 1U);
    auto reader = spool->open_content(MessageId{5});
    ASSERT_TRUE(reader) << reader.error().message();
    EXPECT_EQ((*reader)->size(), content.size());
    for (int again = 0; again < 2; ++again) {
        std::string back;
        std::string chunk(1000, '\0');
        while (true) {
            auto got = (*reader)->read_now(chunk);
            const auto count = got ? *got : (*reader)->read(chunk);
            ASSERT_TRUE(count) << count.error().message();
            if (*count == 0) {
                break;
            }
            back.append(chunk, 0, *count);
        }
        EXPECT_EQ(back, content);
        (*reader)->rewind();
    }
    std::ostringstream exported;
    ASSERT_TRUE(export_message(files, options().path, MessageId{5}, exported));
    EXPECT_EQ(exported.str(), content);
    // Once it is finished the file goes, at the latest with the next start.
    ASSERT_TRUE(append(make_outcome(5, 0, RecipientState::Delivered, true), Durability::Synced));
    open();
    EXPECT_FALSE(std::filesystem::exists(Layout(options().path).content_of(MessageId{5})));
}

TEST_F(RealSpool, SecondStartIsToldWhoHoldsIt) {
    open();
    Found other;
    RecoveryReport ignored;
    const auto second = Spool::open(files, options(), other, ignored);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().os_error(), EWOULDBLOCK);
    EXPECT_THAT(second.error().message(), HasSubstr("process " + std::to_string(::getpid()) + " on host"));
}

TEST_F(RealSpool, IsForItsOwnerOnly) {
    open();
    ASSERT_TRUE(accept(make_message(1, 10)));
    const auto mode = [](const std::string& path) {
        struct stat facts{};
        EXPECT_EQ(::stat(path.c_str(), &facts), 0) << path;
        return facts.st_mode & 07777U;
    };
    const Layout layout(options().path);
    for (const auto& path : {layout.root, layout.segments, layout.content, layout.damaged}) {
        EXPECT_EQ(mode(path), 0700U) << path;
    }
    for (const auto& path : {layout.lock, layout.manifest, layout.segment(1)}) {
        EXPECT_EQ(mode(path), 0600U) << path;
    }
}

TEST_F(RealSpool, RefusesASymbolicLink) {
    open();
    spool.reset();
    const std::string link = directory + "/link";
    ASSERT_EQ(::symlink(options().path.c_str(), link.c_str()), 0);
    Options through = options();
    through.path = link;
    const auto opened = Spool::open(files, through, found, report);
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().message(), HasSubstr("symbolic link"));
}

TEST_F(RealSpool, StaysSmallWhenIdle) {
    open();
    ASSERT_TRUE(accept(make_message(1, 1000)));
    struct stat facts{};
    ASSERT_EQ(::stat(Layout(options().path).segment(1).c_str(), &facts), 0);
    EXPECT_LE(facts.st_blocks * 512, 512 << 10);
}

// --- the file layer
// -------------------------------------------------------------------------------------------------

TEST_F(RealSpool, FileLayerWritesManyPartsAtOnce) {
    const std::string path = directory + "/parts";
    auto file = files.open(path, OpenMode::Create);
    ASSERT_TRUE(file);
    std::vector<std::string> parts;
    std::string expected;
    for (int i = 0; i < 3000; ++i) {  // more than one writev takes
        parts.push_back(std::string(static_cast<std::size_t>(i % 5), static_cast<char>('a' + i % 26)));
        expected += parts.back();
    }
    const std::vector<std::string_view> views(parts.begin(), parts.end());
    ASSERT_TRUE((*file)->write_at(3, views));
    std::string back(expected.size() + 10, '\0');
    EXPECT_EQ(*(*file)->read_at(3, back), expected.size());
    back.resize(expected.size());
    EXPECT_EQ(back, expected);
    EXPECT_EQ(*(*file)->size(), expected.size() + 3);
    ASSERT_TRUE((*file)->reserve(1U << 20U));
    ASSERT_TRUE((*file)->truncate(5));
    ASSERT_TRUE((*file)->sync());
    EXPECT_EQ(*(*file)->size(), 5U);
}

TEST_F(RealSpool, FileLayerNamesThePathAndTheCause) {
    const auto missing = files.open(directory + "/none", OpenMode::Read);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().os_error(), ENOENT);
    EXPECT_THAT(missing.error().message(), HasSubstr(directory + "/none"));
    ASSERT_TRUE(files.open(directory + "/one", OpenMode::Create));
    const auto twice = files.open(directory + "/one", OpenMode::Create);
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().os_error(), EEXIST);
    EXPECT_FALSE(files.remove(directory + "/none"));
    EXPECT_FALSE(files.list(directory + "/none"));
    EXPECT_FALSE(files.sync_directory(directory + "/none"));
    ASSERT_TRUE(files.space(directory));
    EXPECT_GT(files.space(directory)->total, 0U);
    ASSERT_EQ(::mkfifo((directory + "/fifo").c_str(), 0600), 0);
    const auto entries = files.list(directory);
    ASSERT_TRUE(entries);
    EXPECT_EQ(entries->size(), 2U);
}

}  // namespace
}  // namespace posthouse::spool::test
