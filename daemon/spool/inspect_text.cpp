#include "daemon/spool/inspect_text.h"

#include <chrono>
#include <ostream>
#include <string_view>

namespace posthouse::spool {
namespace {

std::string two_digits(unsigned value) {
    return {static_cast<char>('0' + value / 10), static_cast<char>('0' + value % 10)};
}

// RFC 3339 with milliseconds; an instant outside the years 1 to 9999 as its number.
std::string time_text(TimePoint at) {
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const std::chrono::year_month_day date(day);
    const int year = static_cast<int>(date.year());
    if (year < 1 || year > 9999) {
        return std::to_string(to_unix_ms(at)) + "ms";
    }
    const std::chrono::hh_mm_ss clock(at - day);
    std::string digits = std::to_string(10000 + year).substr(1);
    digits += "-" + two_digits(static_cast<unsigned>(date.month()));
    digits += "-" + two_digits(static_cast<unsigned>(date.day()));
    digits += "T" + two_digits(static_cast<unsigned>(clock.hours().count()));
    digits += ":" + two_digits(static_cast<unsigned>(clock.minutes().count()));
    digits += ":" + two_digits(static_cast<unsigned>(clock.seconds().count()));
    digits += "." + std::to_string(1000 + clock.subseconds().count()).substr(1);
    return digits + "Z";
}

std::string_view state_text(RecipientState state) {
    switch (state) {
        case RecipientState::Pending:
            return "pending";
        case RecipientState::Delivered:
            return "delivered";
        case RecipientState::Failed:
            return "failed";
        case RecipientState::Expired:
            return "expired";
        case RecipientState::Held:
            return "held";
    }
    return "unknown";
}

std::string quoted(std::string_view text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (octet >= 0x20 && octet < 0x7F) {
            out += c;
        } else {
            out += "\\u00";
            out += kHex[octet >> 4U];
            out += kHex[octet & 15U];
        }
    }
    return out + "\"";
}

// One line of fields: {"a":1,"b":"x"} or a=1 b="x".
class Line {
  public:
    explicit Line(InspectFormat format) : json_(format == InspectFormat::JsonLines) {}

    void raw(std::string_view name, std::string_view value) {
        text_ += text_.empty() ? (json_ ? "{" : "") : (json_ ? "," : " ");
        if (json_) {
            text_ += "\"" + std::string(name) + "\":";
        } else {
            text_ += std::string(name) + "=";
        }
        text_ += value;
    }
    void text(std::string_view name, std::string_view value) { raw(name, quoted(value)); }
    void word(std::string_view name, std::string_view value) {
        raw(name, json_ ? quoted(value) : std::string(value));
    }
    void number(std::string_view name, std::uint64_t value) { raw(name, std::to_string(value)); }
    void flag(std::string_view name, bool value) { raw(name, value ? "true" : "false"); }
    void time(std::string_view name, TimePoint value) { word(name, time_text(value)); }
    // A list of objects; in text, items in brackets.
    template <class Items, class Print>
    void list(std::string_view name, const Items& items, Print print) {
        std::string all = "[";
        for (const auto& item : items) {
            Line inner(json_ ? InspectFormat::JsonLines : InspectFormat::Text);
            print(inner, item);
            all += (all.size() > 1 ? (json_ ? "," : "; ") : "") + inner.take();
        }
        raw(name, all + "]");
    }
    [[nodiscard]] std::string take() { return json_ ? (text_.empty() ? "{}" : text_ + "}") : text_; }

  private:
    bool json_;
    std::string text_;
};

void put_reply(Line& line, const protocol::Reply& reply) {
    line.text("reply", reply.code == 0 && reply.text.empty() ? std::string() : protocol::to_line(reply));
}

void put(Line& line, const Location& at, std::string_view name) {
    if (at.valid()) {
        line.word(name, std::to_string(at.segment) + ":" + std::to_string(at.offset));
    }
}

void put_accepted(Line& line, const Accepted& record) {
    line.word("id", to_string(record.id));
    line.time("accepted_at", record.accepted_at);
    line.text("from", record.envelope.sender);
    line.list("to", record.envelope.recipients, [](Line& inner, const protocol::Recipient& recipient) {
        inner.text("address", recipient.address);
    });
    line.number("size", record.facts.size);
    line.text("message_id", record.facts.message_id);
    line.text("login", record.login);
    line.text("client", record.client);
    line.flag("bounce", record.is_bounce);
    line.flag("external", record.external);
}

struct Fields {
    Line& line;

    void operator()(const Accepted& record) const { put_accepted(line, record); }
    void operator()(const Attempt& record) const {
        line.word("id", to_string(record.id));
        put(line, record.previous, "previous");
        line.time("at", record.at);
        line.text("upstream", record.upstream);
        line.number("attempt", record.number);
        line.time("next_due", record.next_due);
        line.number("charged_recipients", record.recipients);
    }
    void operator()(const Outcome& record) const {
        line.word("id", to_string(record.id));
        put(line, record.previous, "previous");
        line.time("at", record.at);
        line.text("upstream", record.upstream);
        line.list("recipients", record.recipients, [](Line& inner, const RecipientOutcome& outcome) {
            inner.number("index", outcome.index);
            inner.word("state", state_text(outcome.state));
            inner.flag("uncertain", outcome.uncertain);
            put_reply(inner, outcome.reply);
        });
        line.time("next_due", record.next_due);
        line.flag("finished", record.finished);
    }
    void operator()(const Carried& record) const {
        put_accepted(line, record.accepted);
        line.list("recipients", record.recipients, [](Line& inner, const RecipientStanding& standing) {
            inner.word("state", state_text(standing.state));
            put_reply(inner, standing.reply);
        });
        line.number("attempts", record.attempts);
        line.time("next_due", record.next_due);
    }
    void operator()(const UpstreamState& record) const {
        line.text("upstream", record.upstream);
        line.time("at", record.at);
        line.time("paused_until", record.paused_until);
        line.number("failures_in_row", record.failures_in_row);
        line.text("reason", record.reason);
        line.list("limits", record.limits, [](Line& inner, const LimitUse& limit) {
            inner.number("window_ms", limit.window_ms);
            inner.number("unit", limit.unit);
            inner.list("used", limit.used, [](Line& bucket, const std::pair<TimePoint, std::uint64_t>& use) {
                bucket.time("from", use.first);
                bucket.number("count", use.second);
            });
        });
    }
    void operator()(const Stopped& record) const { line.time("at", record.at); }
};

}  // namespace

std::optional<MessageId> message_of(const Record& record) {
    if (const auto* accepted = std::get_if<Accepted>(&record)) {
        return accepted->id;
    }
    if (const auto* attempt = std::get_if<Attempt>(&record)) {
        return attempt->id;
    }
    if (const auto* outcome = std::get_if<Outcome>(&record)) {
        return outcome->id;
    }
    if (const auto* carried = std::get_if<Carried>(&record)) {
        return carried->accepted.id;
    }
    return std::nullopt;
}

void InspectLines::problem(const std::string& file, std::uint64_t offset, std::uint64_t length,
                           const std::string& reason) {
    Line line(format_);
    line.word("line", "problem");
    line.text("file", file);
    line.number("offset", offset);
    line.number("length", length);
    line.text("reason", reason);
    out_ << line.take() << '\n';
}

void InspectLines::record(Location at, std::uint64_t length, const Record& record,
                          std::uint32_t content_size) {
    Line line(format_);
    line.word("line", "record");
    put(line, at, "at");
    line.number("length", length);
    line.word("type", to_string(type_of(record)));
    std::visit(Fields{line}, record);
    if (content_size > 0) {
        line.number("content", content_size);
    }
    out_ << line.take() << '\n';
}

void InspectLines::summary(const InspectSummary& summary) {
    Line line(format_);
    line.word("line", "summary");
    line.number("segments", summary.segments);
    line.number("records", summary.records);
    line.number("live", summary.live);
    line.number("finished", summary.finished);
    line.number("bytes", summary.bytes);
    line.number("torn_tail", summary.torn_tail);
    line.number("problems", summary.problems);
    out_ << line.take() << '\n';
}

}  // namespace posthouse::spool
