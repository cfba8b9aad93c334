// What no key alone can tell: defaults that depend on other keys or on the machine, and settings that do not
// go together.
#pragma once

#include "config/environment.h"
#include "config/node.h"
#include "config/reader.h"
#include "config/schema.h"

namespace posthouse::config {

// Before reading: defaults of lists, which a list in the file replaces.
[[nodiscard]] Settings default_settings();

// After reading; `root` is what was read. Faults go to the reader.
void complete_and_check(Reader& reader, const Node& root, Settings& settings);

// Adds what the file leaves out and $POSTHOUSE_* variables give.
void add_from_environment(Reader& reader, Node& root);

}  // namespace posthouse::config
