// What is wrong with a configuration, said so that a person can mend it.
//
// A Complaint is about a value ("what" happened, "advice" on what to write); a Fault adds the place. Faults
// are collected, never thrown: all of them are shown at once. Neither ever contains a secret.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::config {

struct Complaint {
    std::string what;    // `"5x" is not a duration`
    std::string advice;  // `write it like 30s, 5m, 4h or 5d`; may be empty
    friend bool operator==(const Complaint&, const Complaint&) = default;
};
[[nodiscard]] std::string to_string(const Complaint& complaint);  // "what; advice"

template <class T>
using Parsed = std::expected<T, Complaint>;

[[nodiscard]] inline std::unexpected<Complaint> complain(std::string what, std::string advice = {}) {
    return std::unexpected<Complaint>(Complaint{std::move(what), std::move(advice)});
}

struct Fault {
    std::string file;  // as the user named it, or "$NAME" for a variable of the environment
    int line = 0;      // from 1; 0: the file or variable as a whole
    int column = 0;    // from 1, in octets
    std::string what;
    std::string advice;
    friend bool operator==(const Fault&, const Fault&) = default;
};
[[nodiscard]] std::string to_string(const Fault& fault);                // "FILE:LINE:COL: what; advice"
[[nodiscard]] std::string to_string(const std::vector<Fault>& faults);  // one per line, each ended by '\n'

// Sorted by line and column; those of variables first.
[[nodiscard]] std::vector<Fault> in_file_order(std::vector<Fault> faults);

// A value from outside as it may appear in a message: in quotes, control characters escaped, cut after 60
// octets, and without what stands before the @ of anything like user:password@host.
[[nodiscard]] std::string quote(std::string_view value);

// The candidate that `word` is most likely a slip of (edit distance, at most a third of its letters), or "".
[[nodiscard]] std::string_view closest(std::string_view word,
                                       const std::vector<std::string_view>& candidates);

}  // namespace posthouse::config
