#include "config/show.h"

#include "config/keys.h"
#include "config/node.h"

namespace posthouse::config {

std::string show(const Settings& settings) {
    const Shown root = settings_section().show(settings, settings);
    return root ? to_yaml(*root) : std::string{};
}

std::string show_json(const Settings& settings) {
    return to_json(settings_section().show(settings, settings).value_or(map_node()));
}

std::string json_schema() {
    Node schema = map_node();
    schema.add("$schema", text_node("http://json-schema.org/draft-07/schema#"));
    schema.add("title", text_node("posthouse configuration"));
    for (Node& part : settings_section().schema().children) {
        const std::string name = part.key;
        schema.add(name, std::move(part));
    }
    return to_json(schema);
}

}  // namespace posthouse::config
