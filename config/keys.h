// The table of keys: the one source of what the configuration file may say. The loader, the check for unknown
// keys, `check --show` and the JSON Schema are all made from it; a key is added in keys.cpp and nowhere else.
//
// A Section<T> is a map in the file that fills the struct T.
#pragma once

#include "config/fault.h"
#include "config/forms.h"
#include "config/node.h"
#include "config/reader.h"
#include "config/schema.h"

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace posthouse::config {

// What the checks of names need to know about a section, whatever it fills.
struct SectionNames {
    std::vector<std::string_view> known;
    std::vector<std::string_view> required;
    std::vector<std::string_view> not_yet;  // keys of the documented format that this version does not obey
};
// Faults for keys that are not known and for required ones that are missing.
void check_names(Reader& reader, const Node& node, const SectionNames& names);
[[nodiscard]] Node schema_of_section(std::vector<std::pair<std::string_view, Node>> properties,
                                     const std::vector<std::string_view>& required);

template <class T>
struct Key {
    std::string_view name;
    std::string_view about;  // one sentence for editors
    std::function<bool(Reader&, const Node&, T&)> read;
    std::function<Shown(const Settings&, const T&)> show;
    std::function<Node()> schema;
};

template <class T>
struct Section {
    std::vector<Key<T>> keys;
    std::vector<std::string_view> required;
    std::vector<std::string_view> not_yet;
    // What one key alone cannot tell; runs after all keys were read.
    void (*check)(Reader&, const Node&, T&) = nullptr;

    bool read(Reader& reader, const Node& node, T& into) const {
        if (!reader.expect(node, Node::Kind::Map, "a map of keys")) return false;
        SectionNames names{{}, required, not_yet};
        for (const Key<T>& key : keys)
            names.known.push_back(key.name);
        check_names(reader, node, names);
        bool good = true;
        for (const Key<T>& key : keys) {
            const Node* child = node.find(key.name);
            if (child == nullptr) continue;
            const Reader::Step step(reader, key.name);
            good = key.read(reader, *child, into) && good;
        }
        if (check != nullptr) check(reader, node, into);
        return good;
    }
    [[nodiscard]] Shown show(const Settings& settings, const T& value) const {
        Node map = map_node();
        for (const Key<T>& key : keys) {
            if (auto shown = key.show(settings, value)) map.add(key.name, std::move(*shown));
        }
        if (map.children.empty()) return std::nullopt;
        return map;
    }
    [[nodiscard]] Node schema() const {
        std::vector<std::pair<std::string_view, Node>> properties;
        for (const Key<T>& key : keys) {
            Node described = key.schema();
            described.add("description", text_node(key.about));
            properties.emplace_back(key.name, std::move(described));
        }
        return schema_of_section(std::move(properties), required);
    }
};

// The file as a whole.
[[nodiscard]] const Section<Settings>& settings_section();

}  // namespace posthouse::config
