// Forms: how one kind of value is read from the file, shown again, and described to editors.
//
// A form has: `bool read(Reader&, const Node&, V& into) const` (false: a fault was noted, `into` is as it
// was), `std::optional<Node> show(const Settings&, const V&) const` (nothing: the key is left out), and `Node
// schema() const` (a JSON Schema of the value). Every key of the table in keys.cpp names its form.
#pragma once

#include "config/node.h"
#include "config/reader.h"
#include "config/schema.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace posthouse::config {

using Shown = std::optional<Node>;

// {"type": type}, the beginning of most schemas.
[[nodiscard]] Node schema_of_type(std::string_view type);
[[nodiscard]] Node schema_of_text(std::string_view pattern);

// A whole number; V is any unsigned type that holds `most`.
struct CountForm {
    std::uint64_t least;
    std::uint64_t most;

    [[nodiscard]] std::optional<std::uint64_t> read_number(Reader& reader, const Node& node) const;
    template <class V>
    bool read(Reader& reader, const Node& node, V& into) const {
        const auto number = read_number(reader, node);
        if (number) into = static_cast<V>(*number);
        return number.has_value();
    }
    [[nodiscard]] Shown show(const Settings& settings, std::uint64_t value) const;
    [[nodiscard]] Node schema() const;
};

struct FlagForm {
    bool read(Reader& reader, const Node& node, bool& into) const;
    [[nodiscard]] Shown show(const Settings& settings, bool value) const;
    [[nodiscard]] Node schema() const;
};

// Octets. zero_is_unset: 0 means that the key is not there.
struct SizeForm {
    std::uint64_t least = 0;
    std::uint64_t most = 0;
    bool zero_is_unset = false;

    bool read(Reader& reader, const Node& node, std::uint64_t& into) const;
    [[nodiscard]] Shown show(const Settings& settings, std::uint64_t value) const;
    [[nodiscard]] Node schema() const;
};

struct DurationForm {
    Duration least;
    Duration most;

    bool read(Reader& reader, const Node& node, Duration& into) const;
    bool read(Reader& reader, const Node& node, std::optional<Duration>& into) const;
    [[nodiscard]] Shown show(const Settings& settings, const std::optional<Duration>& value) const;
    [[nodiscard]] Node schema() const;
};

struct PercentForm {
    double most;

    bool read(Reader& reader, const Node& node, double& into) const;
    [[nodiscard]] Shown show(const Settings& settings, double value) const;
    [[nodiscard]] Node schema() const;
};

// One line of text without control characters. Empty text means that the key is not there.
struct TextForm {
    std::string_view expected;
    std::size_t longest = 1024;
    bool blanks = true;

    bool read(Reader& reader, const Node& node, std::string& into) const;
    [[nodiscard]] Shown show(const Settings& settings, const std::string& value) const;
    [[nodiscard]] Node schema() const;
};

// Our own name: a domain, or an address literal in brackets (RFC 5321 4.1.3).
struct HostnameForm : TextForm {
    HostnameForm() : TextForm{"a host name", 255, false} {}
    bool read(Reader& reader, const Node& node, std::string& into) const;
};

// A machine to dial: a domain or a numeric address.
struct HostForm : TextForm {
    HostForm() : TextForm{"the name or address of a host", 255, false} {}
    bool read(Reader& reader, const Node& node, std::string& into) const;
};

// A numeric address, in its canonical form.
struct AddressForm : TextForm {
    AddressForm() : TextForm{"an IP address", 64, false} {}
    bool read(Reader& reader, const Node& node, std::string& into) const;
};

// local@domain, as a recipient of bounces.
struct MailboxForm : TextForm {
    MailboxForm() : TextForm{"a mail address", 254, false} {}
    bool read(Reader& reader, const Node& node, std::string& into) const;
};

// A path, made absolute by the file's directory. must_be_readable: looked at now, so that check finds it.
struct PathForm {
    bool must_be_readable;

    bool read(Reader& reader, const Node& node, std::filesystem::path& into) const;
    [[nodiscard]] Shown show(const Settings& settings, const std::filesystem::path& value) const;
    [[nodiscard]] Node schema() const;
};

struct SecretForm {
    bool read(Reader& reader, const Node& node, Secret& into) const;
    [[nodiscard]] Shown show(const Settings& settings, const Secret& value) const;
    [[nodiscard]] Node schema() const;
};

struct EndpointForm {
    bool read(Reader& reader, const Node& node, Endpoint& into) const;
    [[nodiscard]] Shown show(const Settings& settings, const Endpoint& value) const;
    [[nodiscard]] Node schema() const;
};

struct NetworkForm {
    bool read(Reader& reader, const Node& node, Network& into) const;
    [[nodiscard]] Shown show(const Settings& settings, const Network& value) const;
    [[nodiscard]] Node schema() const;
};

struct LimitForm {
    bool read(Reader& reader, const Node& node, Limit& into) const;
    [[nodiscard]] Shown show(const Settings& settings, const Limit& value) const;
    [[nodiscard]] Node schema() const;
};

// true | false | {ca_file, name} | {sha256: [...]}
struct VerifyForm {
    bool read(Reader& reader, const Node& node, Verify& into) const;
    [[nodiscard]] Shown show(const Settings& settings, const Verify& value) const;
    [[nodiscard]] Node schema() const;
};

// Names of upstreams, kept as their indexes.
struct ViaForm {
    bool read(Reader& reader, const Node& node, std::vector<std::size_t>& into) const;
    [[nodiscard]] Shown show(const Settings& settings, const std::vector<std::size_t>& value) const;
    [[nodiscard]] Node schema() const;
};

// One word of a few, in either case. The first of two names for one value is the one that is shown.
class WordForm {
  public:
    explicit WordForm(std::vector<std::string_view> words) : words_(std::move(words)) {}
    [[nodiscard]] std::optional<std::size_t> read_index(Reader& reader, const Node& node) const;
    [[nodiscard]] Node show_index(std::size_t index) const;
    [[nodiscard]] Node schema() const;

  private:
    std::vector<std::string_view> words_;
};

template <class E>
class ChoiceForm {
  public:
    explicit ChoiceForm(std::vector<std::pair<std::string_view, E>> choices)
        : choices_(std::move(choices)), words_(names_of(choices_)) {}

    bool read(Reader& reader, const Node& node, E& into) const {
        const auto index = words_.read_index(reader, node);
        if (index) into = choices_[*index].second;
        return index.has_value();
    }
    [[nodiscard]] Shown show(const Settings&, E value) const {
        std::size_t index = 0;
        while (index + 1 < choices_.size() && choices_[index].second != value)
            ++index;
        return words_.show_index(index);
    }
    [[nodiscard]] Node schema() const { return words_.schema(); }

  private:
    static std::vector<std::string_view> names_of(
        const std::vector<std::pair<std::string_view, E>>& choices) {
        std::vector<std::string_view> names;
        names.reserve(choices.size());
        for (const auto& choice : choices)
            names.push_back(choice.first);
        return names;
    }

    std::vector<std::pair<std::string_view, E>> choices_;
    WordForm words_;
};

[[nodiscard]] Node schema_of_list(Node item, std::size_t least, std::size_t most);

template <class F>
struct ListForm {
    F item;
    std::string_view expected;  // "a list of limits"
    std::size_t least = 0;
    std::size_t most = 10'000;
    bool empty_differs = false;  // from a list that is not there

    // Items that are at fault are kept with their defaults, so that indexes stay those of the file.
    template <class V>
    bool read(Reader& reader, const Node& node, std::vector<V>& into) const {
        if (!reader.expect(node, Node::Kind::List, expected)) return false;
        if (node.children.size() < least) {
            reader.fault(node.mark, "the list is empty", "give at least one item, or remove the key");
            return false;
        }
        if (node.children.size() > most) {
            reader.fault(node.mark, "the list has more than " + std::to_string(most) + " items");
            return false;
        }
        into.clear();
        bool good = true;
        for (const Node& child : node.children) {
            const Reader::Step step(reader, "[" + std::to_string(into.size() + 1) + "]");
            V value{};
            good = item.read(reader, child, value) && good;
            into.push_back(std::move(value));
        }
        return good;
    }
    template <class V>
    [[nodiscard]] Shown show(const Settings& settings, const std::vector<V>& values) const {
        if (values.empty() && !empty_differs) return std::nullopt;
        Node list = list_node();
        for (const V& value : values) {
            if (auto shown = item.show(settings, value)) list.add(std::move(*shown));
        }
        return list;
    }
    [[nodiscard]] Node schema() const { return schema_of_list(item.schema(), least, most); }
};

}  // namespace posthouse::config
