#include "config/units.h"

#include <gtest/gtest.h>

#include <chrono>

namespace posthouse::config {
namespace {

using namespace std::chrono_literals;

struct DurationCase {
    std::string_view name;
    std::string_view text;
    Duration value;
};

TEST(Units, ReadDurations) {
    for (const DurationCase& c : {DurationCase{"seconds", "30s", 30s},
                                  {"minutes", "5m", 5min},
                                  {"hours", "4h", 4h},
                                  {"days", "5d", 120h},
                                  {"weeks", "2w", 336h},
                                  {"milliseconds", "250ms", 250ms},
                                  {"joined", "1h30m", 90min},
                                  {"all units", "1w1d1h1m1s1ms", 168h + 24h + 1h + 1min + 1s + 1ms},
                                  {"zero", "0s", 0s},
                                  {"longest", "36600d", 36600 * 24h}}) {
        const auto parsed = parse_duration(c.text);
        ASSERT_TRUE(parsed) << c.name << ": " << to_string(parsed.error());
        EXPECT_EQ(*parsed, c.value) << c.name;
        EXPECT_EQ(parse_duration(to_string(*parsed)), c.value)
            << c.name << " printed as " << to_string(*parsed);
    }
}

struct BadCase {
    std::string_view text;
    std::string_view message;
};

TEST(Units, RefuseWhatIsNoDuration) {
    for (const BadCase& c :
         {BadCase{"", R"("" is not a duration; write it like 30s, 5m, 4h, 5d or 1h30m)"},
          {"30", R"("30" is not a duration: the unit is missing; write 30s, 30m, 30h or 30d)"},
          {"5x", R"("5x" is not a duration; write it like 30s, 5m, 4h, 5d or 1h30m)"},
          {"-5m", R"("-5m" is not a duration; write it like 30s, 5m, 4h, 5d or 1h30m)"},
          {"1.5h", R"("1.5h" is not a duration; write it like 30s, 5m, 4h, 5d or 1h30m)"},
          {"5m1h", R"("5m1h" is not a duration; write it like 30s, 5m, 4h, 5d or 1h30m)"},
          {"1h1h", R"("1h1h" is not a duration; write it like 30s, 5m, 4h, 5d or 1h30m)"},
          {"5 m", R"("5 m" is not a duration; write it like 30s, 5m, 4h, 5d or 1h30m)"},
          {"36601d", R"(the duration "36601d" is too long; the most is 36600d)"},
          {"99999999999999999w", R"(the duration "99999999999999999w" is too long; the most is 36600d)"},
          {"99999999999999999999s",
           R"("99999999999999999999s" is not a duration; write it like 30s, 5m, 4h, 5d or 1h30m)"}}) {
        const auto parsed = parse_duration(c.text);
        ASSERT_FALSE(parsed) << c.text;
        EXPECT_EQ(to_string(parsed.error()), c.message);
    }
}

struct SizeCase {
    std::string_view text;
    std::uint64_t octets;
};

TEST(Units, ReadSizes) {
    for (const SizeCase& c : {SizeCase{"100", 100},
                              {"0", 0},
                              {"7B", 7},
                              {"512KiB", 524'288},
                              {"25MiB", 26'214'400},
                              {"25 MiB", 26'214'400},
                              {"30MB", 30'000'000},
                              {"30kB", 30'000},
                              {"30KB", 30'000},
                              {"2GiB", 2'147'483'648},
                              {"3GB", 3'000'000'000},
                              {"1TiB", 1'099'511'627'776},
                              {"18446744073709551615", 18'446'744'073'709'551'615U}}) {
        EXPECT_EQ(parse_size(c.text), c.octets) << c.text;
        EXPECT_EQ(parse_size(size_to_string(c.octets)), c.octets) << size_to_string(c.octets);
    }
    EXPECT_EQ(size_to_string(26'214'400), "25MiB");
    EXPECT_EQ(size_to_string(30'000'000), "30MB");
    EXPECT_EQ(size_to_string(1'000'001), "1000001");
}

TEST(Units, RefuseWhatIsNoSize) {
    for (const std::string_view text :
         {"", "MiB", "5 apples", "5mib", "-1", "1.5GiB", "5MiB5", "18446744073709551616"}) {
        const auto parsed = parse_size(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().advice, "write it like 25MiB, 30MB, 512KiB or 100 (octets)") << text;
    }
    EXPECT_EQ(parse_size("17000000TiB").error().what, R"(the size "17000000TiB" is too large)");
}

TEST(Units, ReadAndPrintPercentages) {
    for (const auto& [text, printed, share] : {std::tuple{"10%", "10%", 0.10},
                                               {"0%", "0%", 0.0},
                                               {"100%", "100%", 1.0},
                                               {"2.5%", "2.5%", 0.025},
                                               {"2.50 %", "2.5%", 0.025},
                                               {"33.33%", "33.33%", 0.3333},
                                               {"7.07%", "7.07%", 0.0707}}) {
        const auto parsed = parse_percent(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_DOUBLE_EQ(*parsed, share) << text;
        EXPECT_EQ(percent_to_string(*parsed), printed);
        EXPECT_EQ(parse_percent(printed), parsed) << printed;
    }
    for (const std::string_view text :
         {"", "10", "%", "101%", "100.01%", "1.%", "1.234%", "-1%", "a%", "1e1%"}) {
        EXPECT_FALSE(parse_percent(text)) << text;
    }
}

struct LimitCase {
    std::string_view text;
    Limit limit;
    std::string_view printed;
};

TEST(Units, ReadLimits) {
    constexpr auto kRecipients = LimitUnit::Recipients;
    constexpr auto kMessages = LimitUnit::Messages;
    for (const LimitCase& c :
         {LimitCase{"500 recipients / day", {500, kRecipients, 24h}, "500 recipients / 1d"},
          {"14 recipients/second", {14, kRecipients, 1s}, "14 recipients / 1s"},
          {"1000 messages / 15 minutes", {1000, kMessages, 15min}, "1000 messages / 15m"},
          {"1 message / 2 hours", {1, kMessages, 2h}, "1 messages / 2h"},
          {"30 messages/min", {30, kMessages, 1min}, "30 messages / 1m"},
          {"7 messages / 1h30m", {7, kMessages, 90min}, "7 messages / 1h30m"},
          {"7 messages / 1d", {7, kMessages, 24h}, "7 messages / 1d"},
          {"7 messages / week", {7, kMessages, 168h}, "7 messages / 7d"},
          {"1000000000 messages / 366 days",
           {1'000'000'000, kMessages, 366 * 24h},
           "1000000000 messages / 366d"}}) {
        const auto parsed = parse_limit(c.text);
        ASSERT_TRUE(parsed) << c.text << ": " << to_string(parsed.error());
        EXPECT_EQ(*parsed, c.limit) << c.text;
        EXPECT_EQ(to_string(*parsed), c.printed);
        EXPECT_EQ(parse_limit(c.printed), c.limit) << c.printed;
    }
}

TEST(Units, RefuseWhatIsNoLimit) {
    constexpr std::string_view kAdvice =
        "; write it like 500 recipients / day, 14 recipients / second or 1000 messages / 15 minutes";
    for (const std::string_view text :
         {"", "500", "500 / day", "500 recipients", "500 mails / day", "messages / day",
          "500 recipients / fortnight", "500 recipients / day night", "500 recipients per day",
          "-5 messages / day", "5 messages / 15"}) {
        const auto parsed = parse_limit(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(to_string(parsed.error()),
                  "\"" + std::string(text) + "\" is not a limit" + std::string(kAdvice));
    }
    EXPECT_EQ(parse_limit("0 messages / day").error().what,
              R"(the limit "0 messages / day" must allow from 1 to 1000000000)");
    for (const std::string_view text : {"1 message / 0 days", "1 message / 500ms", "1 message / 367 days",
                                        "1 message / 18446744073709551615 days"}) {
        EXPECT_EQ(parse_limit(text).error().what,
                  "the window of the limit \"" + std::string(text) + "\" must be from 1 second to 366 days");
    }
}

}  // namespace
}  // namespace posthouse::config
