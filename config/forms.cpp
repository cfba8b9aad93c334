#include "config/forms.h"

#include "config/endpoint.h"
#include "config/secrets.h"
#include "config/units.h"
#include "protocol/utf8.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <sys/un.h>

namespace posthouse::config {

namespace {

std::string in_lower_case(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return lower;
}

// Stores what was parsed, or notes the complaint at the node.
template <class V>
bool store(Reader& reader, const Node& node, Parsed<V> parsed, V& into) {
    if (!parsed) {
        reader.fault(node.mark, std::move(parsed.error()));
        return false;
    }
    into = std::move(*parsed);
    return true;
}

Node schema_of_alternatives(std::vector<Node> alternatives) {
    Node list = list_node();
    for (Node& alternative : alternatives)
        list.add(std::move(alternative));
    Node schema = map_node();
    schema.add("anyOf", std::move(list));
    return schema;
}

Node schema_of_object(std::vector<std::pair<std::string_view, Node>> properties) {
    Node map = map_node();
    for (auto& [name, schema] : properties)
        map.add(name, std::move(schema));
    Node schema = schema_of_type("object");
    schema.add("additionalProperties", plain_node("false")).add("minProperties", plain_node("1"));
    schema.add("properties", std::move(map));
    return schema;
}

}  // namespace

Node schema_of_type(std::string_view type) {
    Node schema = map_node();
    schema.add("type", text_node(type));
    return schema;
}

Node schema_of_text(std::string_view pattern) {
    Node schema = schema_of_type("string");
    schema.add("pattern", text_node(pattern));
    return schema;
}

Node schema_of_list(Node item, std::size_t least, std::size_t most) {
    Node schema = schema_of_type("array");
    schema.add("items", std::move(item));
    if (least > 0) schema.add("minItems", plain_node(std::to_string(least)));
    schema.add("maxItems", plain_node(std::to_string(most)));
    return schema;
}

std::optional<std::uint64_t> CountForm::read_number(Reader& reader, const Node& node) const {
    const auto text = reader.scalar(node, "a number");
    if (!text) return std::nullopt;
    const auto number = parse_count(*text, least, most);
    if (number) return *number;
    reader.fault(node.mark, number.error());
    return std::nullopt;
}
Shown CountForm::show(const Settings&, std::uint64_t value) const {
    return plain_node(std::to_string(value));
}
Node CountForm::schema() const {
    Node schema = schema_of_type("integer");
    schema.add("minimum", plain_node(std::to_string(least))).add("maximum", plain_node(std::to_string(most)));
    return schema;
}

bool FlagForm::read(Reader& reader, const Node& node, bool& into) const {
    const auto text = reader.scalar(node, "true or false");
    if (!text) return false;
    if (*text != "true" && *text != "false") {
        reader.fault(node.mark, fmt::format("{} is not true or false", quote(*text)));
        return false;
    }
    into = *text == "true";
    return true;
}
Shown FlagForm::show(const Settings&, bool value) const {
    return plain_node(value ? "true" : "false");
}
Node FlagForm::schema() const {
    return schema_of_type("boolean");
}

bool SizeForm::read(Reader& reader, const Node& node, std::uint64_t& into) const {
    const auto text = reader.scalar(node, "a size");
    if (!text) return false;
    const auto octets = parse_size(*text);
    if (!octets) {
        reader.fault(node.mark, octets.error());
        return false;
    }
    if (*octets < least || *octets > most) {
        reader.fault(node.mark, fmt::format("{} is not from {} to {}", quote(*text), size_to_string(least),
                                            size_to_string(most)));
        return false;
    }
    into = *octets;
    return true;
}
Shown SizeForm::show(const Settings&, std::uint64_t value) const {
    if (zero_is_unset && value == 0) return std::nullopt;
    const std::string text = size_to_string(value);
    return plain_node(text);
}
Node SizeForm::schema() const {
    return schema_of_alternatives(
        {schema_of_type("integer"), schema_of_text("^[0-9]+ ?(B|kB|KB|KiB|MB|MiB|GB|GiB|TB|TiB)$")});
}

bool DurationForm::read(Reader& reader, const Node& node, Duration& into) const {
    const auto text = reader.scalar(node, "a duration");
    if (!text) return false;
    const auto duration = parse_duration(*text);
    if (!duration) {
        reader.fault(node.mark, duration.error());
        return false;
    }
    if (*duration < least || *duration > most) {
        reader.fault(node.mark,
                     fmt::format("{} is not from {} to {}", quote(*text), to_string(least), to_string(most)));
        return false;
    }
    into = *duration;
    return true;
}
bool DurationForm::read(Reader& reader, const Node& node, std::optional<Duration>& into) const {
    Duration duration{};
    if (!read(reader, node, duration)) return false;
    into = duration;
    return true;
}
Shown DurationForm::show(const Settings&, const std::optional<Duration>& value) const {
    if (!value) return std::nullopt;
    return plain_node(to_string(*value));
}
Node DurationForm::schema() const {
    return schema_of_text("^([0-9]+(w|d|h|m|s|ms))+$");
}

bool PercentForm::read(Reader& reader, const Node& node, double& into) const {
    const auto text = reader.scalar(node, "a percentage");
    if (!text) return false;
    const auto share = parse_percent(*text);
    if (!share) {
        reader.fault(node.mark, share.error());
        return false;
    }
    if (*share > most) {
        reader.fault(node.mark, fmt::format("{} is more than {}", quote(*text), percent_to_string(most)));
        return false;
    }
    into = *share;
    return true;
}
Shown PercentForm::show(const Settings&, double value) const {
    return plain_node(percent_to_string(value));
}
Node PercentForm::schema() const {
    return schema_of_text("^[0-9]+(\\.[0-9]{1,2})?%$");
}

bool TextForm::read(Reader& reader, const Node& node, std::string& into) const {
    const auto text = reader.scalar(node, expected);
    if (!text) return false;
    if (text->empty()) {
        reader.fault(node.mark, "the text is empty", fmt::format("give {}, or remove the key", expected));
        return false;
    }
    if (text->size() > longest) {
        reader.fault(node.mark, fmt::format("the text is longer than {} octets", longest));
        return false;
    }
    const bool bad =
        protocol::has_control_characters(*text) || (!blanks && text->find(' ') != std::string_view::npos);
    if (bad) {
        reader.fault(node.mark, blanks ? "the text contains control characters"
                                       : "the text contains blanks or control characters");
        return false;
    }
    // The file is UTF-8 already; this is about what was percent-decoded from a URL.
    if (!protocol::is_valid_utf8(*text)) {
        reader.fault(node.mark, "the text is not UTF-8");
        return false;
    }
    into = *text;
    return true;
}
Shown TextForm::show(const Settings&, const std::string& value) const {
    if (value.empty()) return std::nullopt;
    return text_node(value);
}
Node TextForm::schema() const {
    return schema_of_type("string");
}

bool HostnameForm::read(Reader& reader, const Node& node, std::string& into) const {
    std::string name;
    if (!TextForm::read(reader, node, name)) return false;
    bool good = is_domain_name(name);
    if (name.starts_with('[') && name.ends_with(']')) {
        std::string_view address = std::string_view(name).substr(1, name.size() - 2);
        const bool v6 = address.starts_with("IPv6:");
        if (v6) address.remove_prefix(5);
        good = parse_address(address).has_value() && v6 == (address.find(':') != std::string_view::npos);
    }
    if (!good) {
        reader.fault(
            node.mark, fmt::format("{} is not a host name", quote(name)),
            "write a name like mail.example.org, or an address like [192.0.2.1] or [IPv6:2001:db8::1]");
        return false;
    }
    into = std::move(name);
    return true;
}

bool HostForm::read(Reader& reader, const Node& node, std::string& into) const {
    std::string name;
    if (!TextForm::read(reader, node, name)) return false;
    if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
    if (!is_domain_name(name) && !parse_address(name)) {
        reader.fault(node.mark, fmt::format("{} is neither the name of a host nor an address", quote(name)),
                     "write it like smtp.example.org, without scheme and port");
        return false;
    }
    into = std::move(name);
    return true;
}

bool AddressForm::read(Reader& reader, const Node& node, std::string& into) const {
    std::string address;
    if (!TextForm::read(reader, node, address)) return false;
    if (!parse_address(address)) {
        reader.fault(node.mark, fmt::format("{} is not an IP address", quote(address)),
                     "write it like 192.0.2.1 or \"2001:db8::1\", without port");
        return false;
    }
    into = std::move(address);
    return true;
}

bool MailboxForm::read(Reader& reader, const Node& node, std::string& into) const {
    std::string mailbox;
    if (!TextForm::read(reader, node, mailbox)) return false;
    const auto at = mailbox.rfind('@');
    const bool good = at != std::string::npos && at > 0 &&
                      is_domain_name(std::string_view(mailbox).substr(at + 1)) &&
                      mailbox.find_first_of("<>,;\"") == std::string::npos;
    if (!good) {
        reader.fault(node.mark, fmt::format("{} is not a mail address", quote(mailbox)),
                     "write it like ops@example.org");
        return false;
    }
    into = std::move(mailbox);
    return true;
}

bool PathForm::read(Reader& reader, const Node& node, std::filesystem::path& into) const {
    std::string text;
    if (!TextForm{"a path", 4095, true}.read(reader, node, text)) return false;
    std::filesystem::path path = reader.resolve(text, node.mark);
    if (must_be_readable) {
        if (const auto readable = reader.environment().readable(path); !readable) {
            reader.fault(node.mark,
                         fmt::format("cannot read {}: {}", path.string(), readable.error().message()),
                         "check the path and its permissions");
            return false;
        }
    }
    into = std::move(path);
    return true;
}
Shown PathForm::show(const Settings&, const std::filesystem::path& value) const {
    if (value.empty()) return std::nullopt;
    return text_node(value.string());
}
Node PathForm::schema() const {
    return schema_of_type("string");
}

namespace {

constexpr std::array<std::pair<std::string_view, SecretSource>, 3> kSecretSources{
    {{"file", SecretSource::File}, {"env", SecretSource::Env}, {"credential", SecretSource::Credential}}};

}  // namespace

bool SecretForm::read(Reader& reader, const Node& node, Secret& into) const {
    constexpr std::string_view kExpected = "a secret";
    constexpr std::string_view kAdvice =
        "write the secret itself, {file: PATH}, {env: NAME} or {credential: NAME}";
    if (node.kind == Node::Kind::Scalar) {
        auto secret = resolve_secret(SecretSource::Literal, node.text, reader.environment());
        return store(reader, node, std::move(secret), into);
    }
    if (node.kind == Node::Kind::Null) return reader.expect(node, Node::Kind::Scalar, kExpected);
    const bool one_child = node.kind == Node::Kind::Map && node.children.size() == 1;
    const auto* source = kSecretSources.begin();
    if (one_child) {
        source = std::find_if(kSecretSources.begin(), kSecretSources.end(),
                              [&](const auto& known) { return known.first == node.children[0].key; });
    }
    if (!one_child || source == kSecretSources.end()) {
        reader.fault(node.mark, "this does not say where the secret is", std::string(kAdvice));
        return false;
    }
    const Node& argument = node.children[0];
    std::string text;
    if (!TextForm{source->second == SecretSource::File ? "a path" : "a name", 4095, true}.read(
            reader, argument, text)) {
        return false;
    }
    if (source->second == SecretSource::File) text = reader.resolve(text, argument.mark).string();
    return store(reader, argument, resolve_secret(source->second, text, reader.environment()), into);
}
Shown SecretForm::show(const Settings&, const Secret& value) const {
    if (value.empty()) return std::nullopt;
    if (value.source_kind().empty()) return text_node(kSecretMask);
    Node reference = map_node();
    reference.add(value.source_kind(), text_node(value.source_argument()));
    return reference;
}
Node SecretForm::schema() const {
    Node reference = schema_of_object({{"file", schema_of_type("string")},
                                       {"env", schema_of_type("string")},
                                       {"credential", schema_of_type("string")}});
    reference.add("maxProperties", plain_node("1"));
    return schema_of_alternatives({schema_of_type("string"), std::move(reference)});
}

bool EndpointForm::read(Reader& reader, const Node& node, Endpoint& into) const {
    std::string text;
    if (!TextForm{"an address with a port", 4095, true}.read(reader, node, text)) return false;
    Parsed<Endpoint> endpoint = parse_endpoint(text);
    if (endpoint) {
        if (auto* local = std::get_if<UnixEndpoint>(&*endpoint)) {
            local->path = reader.resolve(local->path.string(), node.mark);
            endpoint = parse_endpoint(to_string(*endpoint));  // its length, now that it is absolute
        }
    }
    return store(reader, node, std::move(endpoint), into);
}
Shown EndpointForm::show(const Settings&, const Endpoint& value) const {
    return text_node(to_string(value));
}
Node EndpointForm::schema() const {
    return schema_of_text("^(unix:.+|.*:[0-9]+)$");
}

bool NetworkForm::read(Reader& reader, const Node& node, Network& into) const {
    const auto text = reader.scalar(node, "a network");
    return text && store(reader, node, parse_network_or_complain(*text), into);
}
Shown NetworkForm::show(const Settings&, const Network& value) const {
    return text_node(to_string(value));
}
Node NetworkForm::schema() const {
    return schema_of_text("^[0-9a-fA-F.:]+(/[0-9]{1,3})?$");
}

bool LimitForm::read(Reader& reader, const Node& node, Limit& into) const {
    const auto text = reader.scalar(node, "a limit");
    return text && store(reader, node, parse_limit(*text), into);
}
Shown LimitForm::show(const Settings&, const Limit& value) const {
    return plain_node(to_string(value));
}
Node LimitForm::schema() const {
    return schema_of_text("^ *[0-9]+ *(messages?|recipients?) */ *.+$");
}

namespace {

// Digest of a certificate: 64 hexadecimal digits, with or without colons between octets.
struct DigestForm {
    bool read(Reader& reader, const Node& node, std::array<std::uint8_t, 32>& into) const {
        const auto text = reader.scalar(node, "a SHA-256 digest");
        if (!text) return false;
        std::string digits;
        for (std::size_t i = 0; i < text->size(); ++i) {
            if ((*text)[i] == ':' && i % 3 == 2) continue;
            digits += (*text)[i];
        }
        const bool good = digits.size() == 64 && std::all_of(digits.begin(), digits.end(), [](char c) {
                              return std::isxdigit(static_cast<unsigned char>(c)) != 0;
                          });
        if (!good) {
            reader.fault(node.mark,
                         fmt::format("{} is not a SHA-256 digest of 64 hexadecimal digits", quote(*text)),
                         "openssl x509 -in CERT -outform DER | sha256sum prints it");
            return false;
        }
        for (std::size_t i = 0; i < into.size(); ++i) {
            into[i] = static_cast<std::uint8_t>(std::stoul(digits.substr(2 * i, 2), nullptr, 16));
        }
        return true;
    }
    [[nodiscard]] Shown show(const Settings&, const std::array<std::uint8_t, 32>& value) const {
        std::string digits;
        for (const std::uint8_t octet : value)
            digits += fmt::format("{:02x}", octet);
        return text_node(digits);
    }
    [[nodiscard]] Node schema() const { return schema_of_text("^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$"); }
};

ListForm<DigestForm> digests_form() {
    return {{}, "a list of SHA-256 digests", 1, 16};
}

}  // namespace

bool VerifyForm::read(Reader& reader, const Node& node, Verify& into) const {
    constexpr std::string_view kAdvice =
        "write true, false, {ca_file: PATH, name: NAME} or {sha256: [DIGEST]}";
    if (node.kind == Node::Kind::Scalar) {
        bool authority = true;
        if (!FlagForm{}.read(reader, node, authority)) return false;
        into = authority ? Verify{VerifyAuthority{}} : Verify{VerifyNone{}};
        return true;
    }
    if (!reader.expect(node, Node::Kind::Map, "true, false or a map")) return false;
    bool good = true;
    VerifyAuthority by_authority;
    VerifyPins by_pins;
    for (const Node& child : node.children) {
        const Reader::Step step(reader, child.key);
        if (child.key == "ca_file") {
            good = PathForm{true}.read(reader, child, by_authority.ca_file) && good;
        } else if (child.key == "name") {
            good = HostForm{}.read(reader, child, by_authority.name) && good;
        } else if (child.key == "sha256") {
            good = digests_form().read(reader, child, by_pins.sha256) && good;
        } else {
            reader.fault(child.key_mark, "the key is not known", std::string(kAdvice));
            good = false;
        }
    }
    if (!good) return false;
    const bool pinned = node.has("sha256");
    if (node.children.empty() || (pinned && node.children.size() > 1)) {
        reader.fault(node.mark,
                     pinned ? "sha256 stands alone: a pinned certificate needs no authority and no name"
                            : "this does not say how to verify",
                     std::string(kAdvice));
        return false;
    }
    into = pinned ? Verify{std::move(by_pins)} : Verify{std::move(by_authority)};
    return true;
}
Shown VerifyForm::show(const Settings& settings, const Verify& value) const {
    if (std::holds_alternative<VerifyNone>(value)) return plain_node("false");
    Node map = map_node();
    if (const auto* pins = std::get_if<VerifyPins>(&value)) {
        map.add("sha256", *digests_form().show(settings, pins->sha256));
        return map;
    }
    const auto& authority = std::get<VerifyAuthority>(value);
    if (authority.ca_file.empty() && authority.name.empty()) return plain_node("true");
    if (!authority.ca_file.empty()) map.add("ca_file", text_node(authority.ca_file.string()));
    if (!authority.name.empty()) map.add("name", text_node(authority.name));
    return map;
}
Node VerifyForm::schema() const {
    return schema_of_alternatives(
        {schema_of_type("boolean"),
         schema_of_object({{"ca_file", schema_of_type("string")}, {"name", schema_of_type("string")}}),
         schema_of_object({{"sha256", digests_form().schema()}})});
}

bool ViaForm::read(Reader& reader, const Node& node, std::vector<std::size_t>& into) const {
    std::vector<std::string> names;
    const ListForm<TextForm> form{
        {"the name of an upstream", 64, false}, "a list of names of upstreams", 1, 1000};
    if (!form.read(reader, node, names)) return false;
    std::vector<std::size_t> indexes;
    bool good = true;
    const std::vector<std::string>& known = reader.upstream_names;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const Node& item = node.children[i];
        const auto found = std::find(known.begin(), known.end(), names[i]);
        const auto index = static_cast<std::size_t>(found - known.begin());
        if (found == known.end()) {
            const std::vector<std::string_view> candidates(known.begin(), known.end());
            const std::string_view meant = closest(names[i], candidates);
            reader.fault(
                item.mark, fmt::format("there is no upstream {}", quote(names[i])),
                meant.empty() ? "name one that is under upstreams" : fmt::format("did you mean {}?", meant));
            good = false;
        } else if (std::find(indexes.begin(), indexes.end(), index) != indexes.end()) {
            reader.fault(item.mark, fmt::format("the upstream {} is here twice", quote(names[i])),
                         "remove one");
            good = false;
        } else {
            indexes.push_back(index);
        }
    }
    if (good) into = std::move(indexes);
    return good;
}
Shown ViaForm::show(const Settings& settings, const std::vector<std::size_t>& value) const {
    if (value.empty()) return std::nullopt;
    Node list = list_node();
    for (const std::size_t index : value)
        list.add(text_node(settings.upstreams[index].name));
    return list;
}
Node ViaForm::schema() const {
    return schema_of_list(schema_of_type("string"), 1, 1000);
}

std::optional<std::size_t> WordForm::read_index(Reader& reader, const Node& node) const {
    std::string one_of;
    for (const std::string_view word : words_) {
        if (!one_of.empty()) one_of += word == words_.back() ? " or " : ", ";
        one_of += word;
    }
    const auto text = reader.scalar(node, one_of);
    if (!text) return std::nullopt;
    for (std::size_t i = 0; i < words_.size(); ++i) {
        if (in_lower_case(words_[i]) == in_lower_case(*text)) return i;
    }
    reader.fault(node.mark, fmt::format("{} is not {}", quote(*text), one_of));
    return std::nullopt;
}
Node WordForm::show_index(std::size_t index) const {
    return text_node(words_[index]);
}
Node WordForm::schema() const {
    Node words = list_node();
    for (const std::string_view word : words_)
        words.add(text_node(word));
    Node schema = map_node();
    schema.add("enum", std::move(words));
    return schema;
}

}  // namespace posthouse::config
