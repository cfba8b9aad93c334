#include "protocol/line_buffer.h"

#include <algorithm>
#include <cassert>

namespace posthouse::protocol {

void LineBuffer::append(std::string_view bytes) {
    if (begin_ == bytes_.size()) {
        bytes_.clear();
        begin_ = 0;
    } else if (begin_ > bytes_.size() / 2) {
        // Moves fewer octets than have been consumed since the last move: linear over all.
        bytes_.erase(0, begin_);
        begin_ = 0;
    }
    bytes_.append(bytes);
}

std::optional<Line> LineBuffer::next_line() {
    while (true) {
        const std::string_view pending = buffered();
        const std::size_t newline = pending.find('\n', searched_);
        const std::size_t limit = std::min(newline, pending.size());

        if (newline == std::string_view::npos) {
            if (swallowing_) {
                // Only a CR may still belong to the CRLF that ends the line.
                consume(pending.size() - (!pending.empty() && pending.back() == '\r' ? 1U : 0U));
                return std::nullopt;
            }
            searched_ = limit;
            // Without its LF here the line has at least one octet more than is buffered.
            if (limit >= cap_) {
                swallowing_ = true;
                return Line{{}, true, false};
            }
            return std::nullopt;
        }

        const bool ends_line = newline > 0 && pending[newline - 1] == '\r';
        if (swallowing_) {
            consume(newline + 1);
            swallowing_ = !ends_line;
            continue;
        }
        if (newline >= cap_) {
            // Too long whatever this LF means; what is swallowed begins before it, so it is met again.
            searched_ = 0;
            swallowing_ = true;
            return Line{{}, true, false};
        }
        if (!ends_line) {
            bare_seen_ = true;
            searched_ = newline + 1;
            continue;
        }
        const std::string_view text = pending.substr(0, newline - 1);
        const bool bare = bare_seen_ || text.find('\r') != std::string_view::npos;
        consume(newline + 1);
        return Line{text, false, bare};
    }
}

std::string_view LineBuffer::take(std::size_t n) {
    const std::string_view taken = buffered().substr(0, n);
    consume(taken.size());
    return taken;
}

void LineBuffer::consume(std::size_t n) {
    assert(n <= buffered().size());
    begin_ += n;
    forget_search();
}

void LineBuffer::clear() {
    bytes_.clear();
    begin_ = 0;
    swallowing_ = false;
    forget_search();
}

void LineBuffer::wipe_consumed() {
    std::fill_n(bytes_.begin(), begin_, '\0');
}

void LineBuffer::forget_search() {
    searched_ = 0;
    bare_seen_ = false;
}

}  // namespace posthouse::protocol
