#include "config/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace posthouse::config {

void Reader::fault(const Mark& mark, std::string what, std::string advice) {
    if (is_full()) return;
    if (!where_.empty()) what = where_ + ": " + what;
    if (!mark.variable.empty()) {
        faults_.push_back({std::string(mark.variable), 0, 0, std::move(what), std::move(advice)});
    } else {
        faults_.push_back({file_, mark.line, mark.column, std::move(what), std::move(advice)});
    }
}

std::vector<Fault> Reader::take_faults() {
    return in_file_order(std::exchange(faults_, {}));
}

bool Reader::expect(const Node& node, Node::Kind kind, std::string_view expected) {
    if (node.kind == kind) return true;
    if (node.kind == Node::Kind::Null) {
        fault(node.key.empty() ? node.mark : node.key_mark, "the value is missing",
              fmt::format("give {}, or remove the key", expected));
        return false;
    }
    const std::string_view found = node.kind == Node::Kind::Scalar ? "a single value"
                                   : node.kind == Node::Kind::List ? "a list"
                                                                   : "a map";
    fault(node.mark, fmt::format("{} is expected here, not {}", expected, found));
    return false;
}

std::optional<std::string_view> Reader::scalar(const Node& node, std::string_view expected) {
    if (!expect(node, Node::Kind::Scalar, expected)) return std::nullopt;
    return node.text;
}

std::filesystem::path Reader::resolve(std::string_view path, const Mark& mark) const {
    std::filesystem::path given(path);
    if (given.empty()) return given;
    const std::filesystem::path& base = mark.variable.empty() ? directory_ : environment_.working_directory;
    return (base / given).lexically_normal();
}

Reader::Step::Step(Reader& reader, std::string_view name)
    : reader_(reader), length_before_(reader.where_.size()) {
    if (!reader_.where_.empty() && !name.starts_with('[')) reader_.where_ += '.';
    // A key may be any text of the file; keep the message one line.
    const bool simple = std::all_of(name.begin(), name.end(), [](char c) { return c > 0x20 && c < 0x7F; });
    reader_.where_ += simple && name.size() <= 64 ? std::string(name) : quote(name);
}

}  // namespace posthouse::config
