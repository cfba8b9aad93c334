#include "protocol/content_type.h"

#include <algorithm>
#include <cstddef>

namespace posthouse::protocol {

namespace {

std::string to_lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    });
    return out;
}

// RFC 2045 5.1: any ASCII character but space, controls and tspecials.
constexpr bool is_token_char(char c) {
    return c > ' ' && c < 0x7F && std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
}

class Reader {
  public:
    explicit Reader(std::string_view text) : rest_(text) {}

    // White space and comments; an unclosed comment takes the rest.
    void skip_blank() {
        std::size_t depth = 0;
        while (!rest_.empty()) {
            const char c = rest_.front();
            if (c == '(') {
                ++depth;
            } else if (depth > 0 && c == ')') {
                --depth;
            } else if (depth > 0 && c == '\\') {
                rest_.remove_prefix(1);
                if (rest_.empty()) return;
            } else if (depth == 0 && c != ' ' && c != '\t') {
                return;
            }
            rest_.remove_prefix(1);
        }
    }

    std::string_view token() {
        const auto* const stop = std::ranges::find_if_not(rest_, is_token_char);
        const auto size = static_cast<std::size_t>(stop - rest_.begin());
        const std::string_view found = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return found;
    }

    // A token or a quoted string.
    std::string word() {
        if (rest_.empty() || rest_.front() != '"') return std::string(token());
        rest_.remove_prefix(1);
        std::string out;
        while (!rest_.empty() && rest_.front() != '"') {
            if (rest_.front() == '\\' && rest_.size() > 1) rest_.remove_prefix(1);
            out += rest_.front();
            rest_.remove_prefix(1);
        }
        if (!rest_.empty()) rest_.remove_prefix(1);
        return out;
    }

    bool skip(char c) {
        skip_blank();
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        skip_blank();
        return true;
    }

    void skip_to(char c) { rest_.remove_prefix(std::min(rest_.find(c), rest_.size())); }

  private:
    std::string_view rest_;
};

}  // namespace

std::optional<ContentType> parse_content_type(std::string_view value) {
    Reader reader(value);
    reader.skip_blank();
    ContentType found;
    found.type = to_lower(reader.token());
    if (found.type.empty() || !reader.skip('/')) return std::nullopt;
    found.subtype = to_lower(reader.token());
    if (found.subtype.empty()) return std::nullopt;

    reader.skip_blank();
    while (true) {
        reader.skip_to(';');
        if (!reader.skip(';')) break;
        const std::string name = to_lower(reader.token());
        if (name.empty() || !reader.skip('=')) continue;
        std::string parameter = reader.word();
        if (name == "boundary" && found.boundary.empty()) found.boundary = std::move(parameter);
    }
    return found;
}

std::string parse_transfer_encoding(std::string_view value) {
    Reader reader(value);
    reader.skip_blank();
    std::string found = to_lower(reader.token());
    return found.empty() ? "7bit" : found;
}

}  // namespace posthouse::protocol
