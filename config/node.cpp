#include "config/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace posthouse::config {

const Node* Node::find(std::string_view name) const {
    if (kind != Kind::Map) return nullptr;
    const auto found =
        std::find_if(children.begin(), children.end(), [&](const Node& child) { return child.key == name; });
    return found == children.end() ? nullptr : &*found;
}

Node& Node::add(std::string_view name, Node child) {
    child.key = name;
    children.push_back(std::move(child));
    return *this;
}

Node& Node::add(Node child) {
    children.push_back(std::move(child));
    return *this;
}

Node map_node() {
    Node node;
    node.kind = Node::Kind::Map;
    return node;
}

Node list_node() {
    Node node;
    node.kind = Node::Kind::List;
    return node;
}

Node text_node(std::string_view text) {
    Node node;
    node.kind = Node::Kind::Scalar;
    node.text = text;
    return node;
}

Node plain_node(std::string_view text) {
    Node node = text_node(text);
    node.plain = true;
    return node;
}

namespace {

std::string in_double_quotes(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            quoted += '\\';
            quoted += c;
        } else if (octet < 0x20 || octet == 0x7F) {
            quoted +=
                fmt::format("\\u{:04x}", octet);  // the one escape that JSON and YAML share for all of them
        } else {
            quoted += c;
        }
    }
    return quoted + "\"";
}

// Text that no YAML reader takes for anything but a string: begins with a letter or '/', holds only octets
// without meaning to YAML, and is no word like `true` or `null`.
bool safe_without_quotes(std::string_view text) {
    if (text.empty()) return false;
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    if (!is_letter(text.front()) && text.front() != '/') return false;
    if (!std::all_of(text.begin(), text.end(), [&](char c) {
            return is_letter(c) || (c >= '0' && c <= '9') ||
                   std::string_view("./-_@+").find(c) != std::string_view::npos;
        })) {
        return false;
    }
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    constexpr std::string_view kWords[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
    return std::find(std::begin(kWords), std::end(kWords), lower) == std::end(kWords);
}

std::string yaml_scalar(const Node& node) {
    if (node.kind == Node::Kind::Null) return "null";
    return node.plain || safe_without_quotes(node.text) ? node.text : in_double_quotes(node.text);
}

bool is_flat(const Node& list) {
    return std::all_of(list.children.begin(), list.children.end(), [](const Node& child) {
        return child.kind == Node::Kind::Scalar || child.kind == Node::Kind::Null;
    });
}

// A collection in one line, for lists of scalars and for empty collections.
std::string yaml_flow(const Node& node) {
    if (node.kind == Node::Kind::Map) return "{}";
    std::string text = "[";
    for (const Node& child : node.children) {
        if (text.size() > 1) text += ", ";
        text += yaml_scalar(child);
    }
    return text + "]";
}

bool fits_one_line(const Node& node) {
    if (node.kind == Node::Kind::List) return is_flat(node);
    return node.kind != Node::Kind::Map || node.children.empty();
}

std::string yaml_inline(const Node& node) {
    const bool collection = node.kind == Node::Kind::List || node.kind == Node::Kind::Map;
    return collection ? yaml_flow(node) : yaml_scalar(node);
}

void write_yaml(const Node& node, std::size_t indent, bool first_is_placed, std::string& out) {
    bool placed = first_is_placed;
    for (const Node& child : node.children) {
        if (!placed) out.append(indent, ' ');
        placed = false;
        if (node.kind == Node::Kind::List) {
            out += "- ";
            if (fits_one_line(child)) {
                out += yaml_inline(child) + "\n";
            } else {
                write_yaml(child, indent + 2, true, out);
            }
            continue;
        }
        out += safe_without_quotes(child.key) ? child.key : in_double_quotes(child.key);
        if (fits_one_line(child)) {
            out += ": " + yaml_inline(child) + "\n";
        } else {
            out += ":\n";
            write_yaml(child, indent + 2, false, out);
        }
    }
}

// Of the texts that YAML writes without quotes, JSON has only numbers and these words; 30s is a string there.
bool is_json_literal(std::string_view text) {
    return text == "true" || text == "false" ||
           (!text.empty() &&
            std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }));
}

void write_json(const Node& node, std::size_t indent, std::string& out) {
    switch (node.kind) {
        case Node::Kind::Null:
            out += "null";
            return;
        case Node::Kind::Scalar:
            out += node.plain && is_json_literal(node.text) ? node.text : in_double_quotes(node.text);
            return;
        case Node::Kind::List:
        case Node::Kind::Map:
            break;
    }
    const bool map = node.kind == Node::Kind::Map;
    if (node.children.empty()) {
        out += map ? "{}" : "[]";
        return;
    }
    out += map ? "{\n" : "[\n";
    for (const Node& child : node.children) {
        out.append(indent + 2, ' ');
        if (map) out += in_double_quotes(child.key) + ": ";
        write_json(child, indent + 2, out);
        out += &child == &node.children.back() ? "\n" : ",\n";
    }
    out.append(indent, ' ');
    out += map ? '}' : ']';
}

}  // namespace

std::string to_yaml(const Node& root) {
    std::string out;
    if (fits_one_line(root)) return yaml_inline(root) + "\n";
    write_yaml(root, 0, false, out);
    return out;
}

std::string to_json(const Node& root) {
    std::string out;
    write_json(root, 0, out);
    return out + "\n";
}

}  // namespace posthouse::config
