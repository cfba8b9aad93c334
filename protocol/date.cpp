#include "protocol/date.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>

namespace posthouse::protocol {

namespace {

constexpr std::array<std::string_view, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr TimePoint kFirst = from_unix_ms(0);
constexpr TimePoint kLast = from_unix_ms(253402300799999);  // 9999-12-31T23:59:59.999

void append_digits(std::string& out, unsigned value, unsigned width) {
    std::array<char, 4> digits{};
    for (unsigned i = width; i > 0; --i) {
        digits[i - 1] = static_cast<char>('0' + value % 10);
        value /= 10;
    }
    out.append(digits.data(), width);
}

}  // namespace

void append_date(std::string& out, TimePoint at) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(std::clamp(at, kFirst, kLast));
    const auto day = std::chrono::floor<std::chrono::days>(seconds);
    const std::chrono::year_month_day date{day};
    const auto second_of_day = static_cast<unsigned>((seconds - day).count());

    out += kDays[std::chrono::weekday{day}.c_encoding()];
    out += ", ";
    append_digits(out, static_cast<unsigned>(date.day()), 2);
    out += ' ';
    out += kMonths[static_cast<unsigned>(date.month()) - 1];
    out += ' ';
    append_digits(out, static_cast<unsigned>(static_cast<int>(date.year())), 4);
    out += ' ';
    append_digits(out, second_of_day / 3600, 2);
    out += ':';
    append_digits(out, second_of_day / 60 % 60, 2);
    out += ':';
    append_digits(out, second_of_day % 60, 2);
    out += " +0000";
}

std::string format_date(TimePoint at) {
    std::string out;
    out.reserve(kDateLength);
    append_date(out, at);
    return out;
}

}  // namespace posthouse::protocol
