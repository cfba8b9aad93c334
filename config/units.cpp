#include "config/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>

namespace posthouse::config {

namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ')
        text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ')
        text.remove_suffix(1);
    return text;
}

// Takes digits off the front; nothing if there are none or they do not fit.
std::optional<std::uint64_t> take_number(std::string_view& text) {
    std::uint64_t value = 0;
    if (text.empty() || !is_digit(text.front())) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

std::string_view take_letters(std::string_view& text) {
    std::size_t n = 0;
    while (n < text.size() && is_letter(text[n]))
        ++n;
    const std::string_view word = text.substr(0, n);
    text.remove_prefix(n);
    return word;
}

std::optional<std::uint64_t> multiply(std::uint64_t a, std::uint64_t b) {
    if (b != 0 && a > kMost / b) return std::nullopt;
    return a * b;
}

struct NamedValue {
    std::string_view name;
    std::uint64_t value;
};

constexpr std::array<NamedValue, 6> kDurationUnits{
    {{"w", 604'800'000}, {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

constexpr std::array<NamedValue, 21> kWindowUnits{{
    {"second", 1'000},    {"seconds", 1'000},   {"sec", 1'000},        {"s", 1'000},
    {"minute", 60'000},   {"minutes", 60'000},  {"min", 60'000},       {"m", 60'000},
    {"hour", 3'600'000},  {"hours", 3'600'000}, {"h", 3'600'000},      {"day", 86'400'000},
    {"days", 86'400'000}, {"d", 86'400'000},    {"week", 604'800'000}, {"weeks", 604'800'000},
    {"w", 604'800'000},   {"secs", 1'000},      {"mins", 60'000},      {"hr", 3'600'000},
    {"hrs", 3'600'000},
}};

constexpr std::array<NamedValue, 9> kSizeUnits{{{"TiB", 1ULL << 40U},
                                                {"TB", 1'000'000'000'000},
                                                {"GiB", 1ULL << 30U},
                                                {"GB", 1'000'000'000},
                                                {"MiB", 1ULL << 20U},
                                                {"MB", 1'000'000},
                                                {"KiB", 1ULL << 10U},
                                                {"kB", 1'000},
                                                {"B", 1}}};

template <std::size_t N>
std::optional<std::uint64_t> value_of(const std::array<NamedValue, N>& units, std::string_view name) {
    for (const NamedValue& unit : units) {
        if (unit.name == name) return unit.value;
    }
    return std::nullopt;
}

// Long enough for any schedule, short enough that sums of durations stay far from overflow.
constexpr std::uint64_t kLongestDuration = 36'600ULL * 86'400'000;

}  // namespace

Parsed<Duration> parse_duration(std::string_view text) {
    constexpr std::string_view kAdvice = "write it like 30s, 5m, 4h, 5d or 1h30m";
    const std::string_view whole = text;
    std::uint64_t total = 0;
    std::uint64_t last_unit = kMost;
    if (text.empty()) return complain("\"\" is not a duration", std::string(kAdvice));
    while (!text.empty()) {
        const auto number = take_number(text);
        const std::string_view name = take_letters(text);
        if (number && name.empty() && text.empty()) {
            return complain(fmt::format("{} is not a duration: the unit is missing", quote(whole)),
                            fmt::format("write {}s, {}m, {}h or {}d", *number, *number, *number, *number));
        }
        const auto unit = value_of(kDurationUnits, name);
        // Units go down, so that 1h1h or 5m1h, which look like slips, are not taken.
        if (!number || !unit || *unit >= last_unit) {
            return complain(fmt::format("{} is not a duration", quote(whole)), std::string(kAdvice));
        }
        last_unit = *unit;
        const auto part = multiply(*number, *unit);
        if (!part || *part > kLongestDuration - total) {
            return complain(fmt::format("the duration {} is too long", quote(whole)), "the most is 36600d");
        }
        total += *part;
    }
    return Duration{static_cast<Duration::rep>(total)};
}

std::string to_string(Duration duration) {
    auto left = static_cast<std::uint64_t>(duration.count());
    if (left == 0) return "0s";
    std::string text;
    for (const NamedValue& unit : kDurationUnits) {
        if (unit.name == "w") continue;  // 7d reads better than 1w
        if (left >= unit.value) text += fmt::format("{}{}", left / unit.value, unit.name);
        left %= unit.value;
    }
    return text;
}

Parsed<std::uint64_t> parse_size(std::string_view text) {
    const std::string_view whole = text;
    const auto number = take_number(text);
    text = trimmed(text);
    const std::string_view name = text.empty() ? "B" : take_letters(text);
    const auto unit = value_of(kSizeUnits, name == "KB" ? "kB" : name);
    if (!number || !unit || !text.empty()) {
        return complain(fmt::format("{} is not a size", quote(whole)),
                        "write it like 25MiB, 30MB, 512KiB or 100 (octets)");
    }
    const auto octets = multiply(*number, *unit);
    if (!octets) return complain(fmt::format("the size {} is too large", quote(whole)));
    return *octets;
}

std::string size_to_string(std::uint64_t octets) {
    for (const NamedValue& unit : kSizeUnits) {
        if (unit.value > 1 && octets != 0 && octets % unit.value == 0) {
            return fmt::format("{}{}", octets / unit.value, unit.name);
        }
    }
    return std::to_string(octets);
}

Parsed<double> parse_percent(std::string_view text) {
    const std::string_view whole = text;
    const auto bad = [&] {
        return complain(fmt::format("{} is not a percentage from 0% to 100%", quote(whole)),
                        "write it like 10% or 2.5%");
    };
    if (text.empty() || text.back() != '%') return bad();
    text = trimmed(text.substr(0, text.size() - 1));
    const auto units = take_number(text);
    if (!units || *units > 100) return bad();
    std::uint64_t hundredths = *units * 100;
    if (!text.empty()) {
        if (text.front() != '.' || text.size() < 2 || text.size() > 3) return bad();
        text.remove_prefix(1);
        const std::size_t digits = text.size();
        const auto decimals = take_number(text);
        if (!decimals || !text.empty()) return bad();
        hundredths += digits == 1 ? *decimals * 10 : *decimals;
    }
    if (hundredths > 10'000) return bad();
    return static_cast<double>(hundredths) / 10'000;
}

std::string percent_to_string(double share) {
    const long hundredths = std::lround(share * 10'000);
    if (hundredths % 100 == 0) return fmt::format("{}%", hundredths / 100);
    if (hundredths % 10 == 0) return fmt::format("{}.{}%", hundredths / 100, hundredths % 100 / 10);
    return fmt::format("{}.{:02}%", hundredths / 100, hundredths % 100);
}

Parsed<Limit> parse_limit(std::string_view text) {
    constexpr std::string_view kAdvice =
        "write it like 500 recipients / day, 14 recipients / second or 1000 messages / 15 minutes";
    constexpr std::uint64_t kMostCount = 1'000'000'000;
    const std::string_view whole = text;
    const auto bad = [&] {
        return complain(fmt::format("{} is not a limit", quote(whole)), std::string(kAdvice));
    };

    text = trimmed(text);
    const auto count = take_number(text);
    text = trimmed(text);
    const std::string_view what = take_letters(text);
    text = trimmed(text);
    if (!count || text.empty() || text.front() != '/') return bad();
    Limit limit;
    limit.count = *count;
    if (what == "recipients" || what == "recipient") {
        limit.unit = LimitUnit::Recipients;
    } else if (what == "messages" || what == "message") {
        limit.unit = LimitUnit::Messages;
    } else {
        return bad();
    }
    if (limit.count == 0 || limit.count > kMostCount) {
        return complain(fmt::format("the limit {} must allow from 1 to {}", quote(whole), kMostCount),
                        "to send nothing through an upstream, take it out of the routes");
    }

    text = trimmed(text.substr(1));
    std::string_view rest = text;
    const std::uint64_t times = take_number(rest).value_or(1);
    rest = trimmed(rest);
    const std::string_view name = take_letters(rest);
    std::optional<std::uint64_t> window;
    if (const auto unit = value_of(kWindowUnits, name); unit && rest.empty()) {
        window = multiply(times, *unit);
    } else if (const auto duration = parse_duration(text)) {
        window = static_cast<std::uint64_t>(duration->count());
    } else {
        return bad();
    }
    if (!window || *window < 1'000 || *window > 366ULL * 86'400'000) {
        return complain(
            fmt::format("the window of the limit {} must be from 1 second to 366 days", quote(whole)));
    }
    limit.window = Duration{static_cast<Duration::rep>(*window)};
    return limit;
}

std::string to_string(const Limit& limit) {
    return fmt::format("{} {} / {}", limit.count,
                       limit.unit == LimitUnit::Recipients ? "recipients" : "messages",
                       to_string(limit.window));
}

Parsed<std::uint64_t> parse_count(std::string_view text, std::uint64_t least, std::uint64_t most) {
    std::string_view rest = text;
    const auto number = take_number(rest);
    if (!number || !rest.empty() || *number < least || *number > most) {
        return complain(fmt::format("{} is not a number from {} to {}", quote(text), least, most));
    }
    return *number;
}

}  // namespace posthouse::config
