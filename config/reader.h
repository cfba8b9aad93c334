// Reader: what the forms of values share while a tree of Nodes becomes Settings: where we are, what was wrong
// so far, and the world outside the file.
//
// Reading never stops at a fault: the value keeps its default and the next one is read.
#pragma once

#include "config/environment.h"
#include "config/fault.h"
#include "config/node.h"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::config {

class Reader {
  public:
    // `directory`: what relative paths of the file are relative to. The environment must outlive the reader.
    Reader(std::string file, std::filesystem::path directory, const Environment& environment)
        : file_(std::move(file)), directory_(std::move(directory)), environment_(environment) {}

    [[nodiscard]] const Environment& environment() const { return environment_; }

    // The message begins with the names of the keys that lead to where we are.
    void fault(const Mark& mark, std::string what, std::string advice = {});
    void fault(const Mark& mark, Complaint complaint) {
        fault(mark, std::move(complaint.what), std::move(complaint.advice));
    }
    [[nodiscard]] bool has_faults() const { return !faults_.empty(); }
    // So many faults that more would help nobody; fault() no longer notes any.
    [[nodiscard]] bool is_full() const { return faults_.size() >= kMostFaults; }
    // In the order of the file; the reader is empty afterwards.
    [[nodiscard]] std::vector<Fault> take_faults();

    // The text of a scalar; for anything else a fault that says what was expected ("a number").
    [[nodiscard]] std::optional<std::string_view> scalar(const Node& node, std::string_view expected);
    [[nodiscard]] bool expect(const Node& node, Node::Kind kind, std::string_view expected);

    // A path as written, made absolute: by the file's directory, or by the working directory if it came from
    // a variable.
    [[nodiscard]] std::filesystem::path resolve(std::string_view path, const Mark& mark) const;

    // While alive, faults are said to be under this key ("port") or item ("[2]").
    class Step {
      public:
        Step(Reader& reader, std::string_view name);
        ~Step() { reader_.where_.resize(length_before_); }
        Step(const Step&) = delete;
        Step& operator=(const Step&) = delete;

      private:
        Reader& reader_;
        std::size_t length_before_;
    };

    // The names under `upstreams`, in order; known once that key is read.
    std::vector<std::string> upstream_names;

  private:
    static constexpr std::size_t kMostFaults = 200;

    std::string file_;
    std::filesystem::path directory_;
    const Environment& environment_;
    std::string where_;  // "upstreams.ses.limits[1]"
    std::vector<Fault> faults_;
};

}  // namespace posthouse::config
