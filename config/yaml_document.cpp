#include "config/yaml_document.h"

#include "protocol/utf8.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <exception>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

namespace posthouse::config {

namespace {

constexpr std::size_t kLargestText = 1ULL << 20U;
constexpr std::size_t kDeepest = 32;
constexpr std::size_t kMostValues = 100'000;
constexpr std::size_t kMostFaults = 100;

Mark mark_of(const YAML::Mark& mark) {
    return {mark.line + 1, mark.column + 1, {}};
}

// Ends the parse from inside an event; never leaves this file.
struct Refused {
    Mark mark;
    std::string what;
    std::string advice;
};

// The offset of the first octet that is not well-formed UTF-8 or not printable (YAML 1.2 5.1); nothing if all
// are.
std::optional<std::size_t> first_bad_octet(std::string_view text) {
    std::size_t i = 0;
    while (i < text.size()) {
        const auto octet = static_cast<unsigned char>(text[i]);
        const bool blank = octet == '\t' || octet == '\n' || octet == '\r';
        if ((octet < 0x20 && !blank) || octet == 0x7F) return i;
        const std::size_t length = protocol::utf8_sequence_length(text.substr(i, 4));
        if (length == 0) return i;
        i += length;
    }
    return std::nullopt;
}

Mark mark_at(std::string_view text, std::size_t offset) {
    Mark mark{1, 1, {}};
    for (const char c : text.substr(0, offset)) {
        if (c == '\n') {
            ++mark.line;
            mark.column = 1;
        } else {
            ++mark.column;
        }
    }
    return mark;
}

class TreeBuilder final : public YAML::EventHandler {
  public:
    TreeBuilder(std::string_view text, const std::string& name, std::vector<Fault>& faults)
        : text_(text), name_(name), faults_(faults) {}

    [[nodiscard]] Node take_root() { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        refuse_anchor(mark, anchor);
        Node node;
        node.mark = mark_of(mark);
        place(std::move(node));
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse_anchor(mark, 1); }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        refuse_anchor(mark, anchor);
        refuse_tag(mark, tag);
        refuse_open_quote(mark);
        Node node = text_node(value);
        node.plain = tag == "?";
        node.mark = mark_of(mark);
        place(std::move(node));
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, list_node());
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, map_node());
    }
    void OnMapEnd() override { close(); }

  private:
    struct Open {
        Node node;
        std::optional<Node> pending_key;  // of a map: a key without its value yet
        std::set<std::string> keys;
    };

    void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) const {
        if (anchor != YAML::NullAnchor) {
            throw Refused{mark_of(mark), "anchors and aliases (& and *) are not taken",
                          "write the value out; quote a text that begins with & or *"};
        }
    }
    void refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
        if (!tag.empty() && tag != "?" && tag != "!") {
            throw Refused{mark_of(mark), "tags (!) are not taken", "quote a text that begins with !"};
        }
    }
    // The library ends a quoted text where the indentation ends, closed or not; a password cut short must not
    // pass. So a quoted text must close on its line, which also rules out texts folded over lines.
    void refuse_open_quote(const YAML::Mark& mark) const {
        const auto begin = static_cast<std::size_t>(mark.pos);
        if (begin >= text_.size()) return;
        const char quote_mark = text_[begin];
        if (quote_mark != '"' && quote_mark != '\'') return;
        std::size_t i = begin + 1;
        while (i < text_.size() && text_[i] != '\n' && text_[i] != '\r') {
            const bool doubled = quote_mark == '\'' && text_.substr(i, 2) == "''";
            const bool escaped = quote_mark == '"' && text_[i] == '\\';
            if (text_[i] == quote_mark && !doubled) return;
            i += doubled || escaped ? 2 : 1;
        }
        throw Refused{mark_of(mark), "the quote is not closed on its line", "close it"};
    }
    void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node node) {
        refuse_anchor(mark, anchor);
        refuse_tag(mark, tag);
        if (stack_.size() >= kDeepest) {
            throw Refused{mark_of(mark), fmt::format("the nesting is deeper than {} levels", kDeepest), ""};
        }
        if (!stack_.empty() && stack_.back().node.kind == Node::Kind::Map && !stack_.back().pending_key) {
            throw Refused{mark_of(mark), "a key must be a text", ""};
        }
        node.mark = mark_of(mark);
        stack_.push_back(Open{std::move(node), std::nullopt, {}});
    }
    void close() {
        Node node = std::move(stack_.back().node);
        stack_.pop_back();
        place(std::move(node));
    }
    void place(Node node) {
        if (++values_ > kMostValues) {
            throw Refused{node.mark, fmt::format("the file holds more than {} values", kMostValues), ""};
        }
        if (stack_.empty()) {
            root_ = std::move(node);
            return;
        }
        Open& parent = stack_.back();
        if (parent.node.kind == Node::Kind::List) {
            parent.node.children.push_back(std::move(node));
            return;
        }
        if (!parent.pending_key) {
            if (node.kind == Node::Kind::Null) node.text = "null";
            parent.pending_key = std::move(node);
            return;
        }
        node.key = parent.pending_key->text;
        node.key_mark = parent.pending_key->mark;
        parent.pending_key.reset();
        if (parent.keys.insert(node.key).second) {
            parent.node.children.push_back(std::move(node));
        } else if (faults_.size() < kMostFaults) {
            faults_.push_back({name_, node.key_mark.line, node.key_mark.column,
                               fmt::format("the key {} is here twice", quote(node.key)),
                               "remove one of them"});
        }
    }

    std::string_view text_;
    const std::string& name_;
    std::vector<Fault>& faults_;
    std::size_t values_ = 0;
    Node root_;
    std::vector<Open> stack_;
};

}  // namespace

YamlDocument parse_yaml(std::string_view text, const std::string& name) {
    YamlDocument document;
    const auto refuse = [&](Mark mark, std::string what, std::string advice = {}) {
        document.faults.push_back({name, mark.line, mark.column, std::move(what), std::move(advice)});
    };
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    if (text.size() > kLargestText) {
        refuse({}, "the file is larger than 1 MiB", "is it the right one?");
        return document;
    }
    if (const auto bad = first_bad_octet(text)) {
        refuse(mark_at(text, *bad),
               fmt::format("the octet 0x{:02x} is not UTF-8 text", static_cast<unsigned char>(text[*bad])),
               "save the file as UTF-8");
        return document;
    }
    try {
        std::istringstream stream{std::string(text)};
        YAML::Parser parser(stream);
        TreeBuilder builder(text, name, document.faults);
        const bool found = parser.HandleNextDocument(builder);
        document.root = builder.take_root();
        if (found) {
            TreeBuilder second(text, name, document.faults);
            if (parser.HandleNextDocument(second)) {
                const Mark mark = second.take_root().mark;
                throw Refused{mark, "the file holds a second document", "remove it, and the --- before it"};
            }
        }
        document.readable = true;
    } catch (const Refused& refused) {
        refuse(refused.mark, refused.what, refused.advice);
    } catch (const YAML::Exception& error) {
        const Mark mark = error.mark.is_null() ? Mark{} : mark_of(error.mark);
        refuse(mark, fmt::format("this is not YAML: {}", error.msg), "check indentation, colons and quotes");
    } catch (const std::exception& error) {
        refuse({}, fmt::format("this is not YAML: {}", error.what()));
    }
    return document;
}

}  // namespace posthouse::config
