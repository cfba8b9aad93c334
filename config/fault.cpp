#include "config/fault.h"

#include "protocol/utf8.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <tuple>

namespace posthouse::config {

std::string to_string(const Complaint& complaint) {
    return complaint.advice.empty() ? complaint.what : complaint.what + "; " + complaint.advice;
}

std::string to_string(const Fault& fault) {
    const std::string words = to_string(Complaint{fault.what, fault.advice});
    if (fault.line == 0) return fmt::format("{}: {}", fault.file, words);
    return fmt::format("{}:{}:{}: {}", fault.file, fault.line, fault.column, words);
}

std::string to_string(const std::vector<Fault>& faults) {
    std::string text;
    for (const Fault& fault : faults) {
        text += to_string(fault);
        text += '\n';
    }
    return text;
}

std::vector<Fault> in_file_order(std::vector<Fault> faults) {
    std::sort(faults.begin(), faults.end(), [](const Fault& a, const Fault& b) {
        return std::tie(a.line, a.column, a.what) < std::tie(b.line, b.column, b.what);
    });
    return faults;
}

std::string quote(std::string_view value) {
    constexpr std::size_t kLongest = 60;
    std::string seen(value);
    // A URL, or user:password@host, in the wrong place: everything before the last '@' goes.
    if (const auto at = seen.rfind('@'); at != std::string::npos && seen.find(':') < at) {
        const auto scheme = seen.find("://");
        const std::size_t begin = scheme < at ? scheme + 3 : 0;
        seen.replace(begin, at - begin, "********");
    }
    std::string text = "\"";
    std::string_view rest = seen;
    while (!rest.empty() && text.size() <= kLongest) {
        const std::size_t length = protocol::utf8_sequence_length(rest.substr(0, 4));
        const std::string_view sequence = rest.substr(0, std::max<std::size_t>(1, length));
        rest.remove_prefix(sequence.size());
        if (length == 0 || protocol::has_control_characters(sequence)) {
            for (const char c : sequence)
                text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        } else {
            if (sequence == "\"" || sequence == "\\") text += '\\';
            text += sequence;
        }
    }
    if (!rest.empty()) text += "...";
    return text + "\"";
}

namespace {

// Levenshtein distance with adjacent transpositions, one row at a time.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(last.begin(), last.end(), 0U);
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = std::min(row[j], before[j - 2] + 1);
            }
        }
        std::swap(before, last);
        std::swap(last, row);
    }
    return last[b.size()];
}

}  // namespace

std::string_view closest(std::string_view word, const std::vector<std::string_view>& candidates) {
    if (word.size() > 64) return {};
    std::string_view best;
    std::size_t best_distance = word.size() / 3 + 2;
    for (const std::string_view candidate : candidates) {
        const std::size_t distance = edit_distance(word, candidate);
        const std::size_t allowed = std::max<std::size_t>(1, std::max(word.size(), candidate.size()) / 3);
        if (distance <= allowed && distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

}  // namespace posthouse::config
