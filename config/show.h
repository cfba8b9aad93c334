// The configuration in force, as YAML that loads again: every key with its value, defaults included. Literal
// secrets appear as "********"; secrets from elsewhere as where they come from.
#pragma once

#include "config/schema.h"

#include <string>

namespace posthouse::config {

[[nodiscard]] std::string show(const Settings& settings);
[[nodiscard]] std::string show_json(const Settings& settings);  // the same tree as JSON

// A JSON Schema (draft 7) of the configuration file, for editors; config/schema.json is this text.
[[nodiscard]] std::string json_schema();

}  // namespace posthouse::config
