// Node: a tree of maps, lists and scalars with their places, between a file format and the typed Settings.
//
// Built by yaml_document.cpp from a file, by upstream_url.cpp from a URL, and by the table of keys when it
// shows settings or describes them. Knows no YAML library.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::config {

// A place in the file, or a variable of the environment.
struct Mark {
    int line = 0;
    int column = 0;
    std::string_view variable;  // static text "$NAME"; not empty: line and column have no meaning
};

struct Node {
    enum class Kind : std::uint8_t { Null, Scalar, List, Map };

    Kind kind = Kind::Null;
    bool plain = false;  // a scalar without quotes: in JSON a number or a word
    Mark mark;
    std::string text;            // of a scalar
    std::vector<Node> children;  // of a list, or of a map in the order of the file
    std::string key;             // of a child of a map
    Mark key_mark;

    [[nodiscard]] const Node* find(std::string_view name) const;  // the child of that key, or null
    [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
    // Appends a child to a map, or to a list; gives this node back to be chained.
    Node& add(std::string_view name, Node child);
    Node& add(Node child);
};

[[nodiscard]] Node map_node();
[[nodiscard]] Node list_node();
[[nodiscard]] Node text_node(std::string_view text);   // a string
[[nodiscard]] Node plain_node(std::string_view text);  // a number, true, false

// Block style; strings in double quotes where a plain one could be read as something else.
[[nodiscard]] std::string to_yaml(const Node& root);
// Indented by two spaces. Strings must be UTF-8.
[[nodiscard]] std::string to_json(const Node& root);

}  // namespace posthouse::config
