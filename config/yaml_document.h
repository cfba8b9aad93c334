// A YAML 1.2 document as a tree of Nodes. The only door to the YAML library, and the bound on what it is fed:
// at most 1 MiB of UTF-8, one document, 32 levels, 100,000 values; no anchors, aliases or tags; quotes close
// on their line. A key that is there twice is a fault.
#pragma once

#include "config/fault.h"
#include "config/node.h"

#include <string>
#include <string_view>
#include <vector>

namespace posthouse::config {

struct YamlDocument {
    Node root;              // Null if the text is empty, or no YAML
    bool readable = false;  // false: syntax; root is worth nothing
    std::vector<Fault> faults;
};

// Never throws.
[[nodiscard]] YamlDocument parse_yaml(std::string_view text, const std::string& name);

}  // namespace posthouse::config
