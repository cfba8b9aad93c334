#include "daemon/spool/record.h"

#include "daemon/spool/bytes.h"

#include <utility>

namespace posthouse::spool {
namespace {

using protocol::BodyType;
using protocol::DsnReturn;
using protocol::Envelope;
using protocol::Reply;

// Bits of the octet of flags in an envelope and in Accepted.
constexpr unsigned kEightBitMime = 1, kSmtpUtf8 = 2;
constexpr unsigned kEightBit = 1, kUtf8Header = 2, kIsBounce = 4, kExternal = 8;

class Writer : public ByteWriter {
  public:
    using ByteWriter::ByteWriter;

    void time(TimePoint at) { fixed(to_unix_ms(at)); }
    void location(Location at) {
        fixed(at.segment);
        fixed(at.offset);
    }
    void reply(const Reply& value) {
        varint(value.code);
        octet(value.enhanced ? value.enhanced->klass : 0);
        if (value.enhanced) {
            varint(value.enhanced->subject);
            varint(value.enhanced->detail);
        }
        text(value.text);
    }
    void envelope(const Envelope& value) {
        text(value.sender);
        octet(static_cast<std::uint8_t>((value.body == BodyType::EightBitMime ? kEightBitMime : 0U) |
                                        (value.smtputf8 ? kSmtpUtf8 : 0U)));
        octet(static_cast<std::uint8_t>(value.dsn_return));
        text(value.envelope_id);
        varint(value.declared_size);
        varint(value.recipients.size());
        for (const auto& recipient : value.recipients) {
            text(recipient.address);
            octet(recipient.notify);
            text(recipient.original_recipient);
        }
    }
    void accepted(const Accepted& value) {
        fixed(value.id.value);
        time(value.accepted_at);
        octet(static_cast<std::uint8_t>(
            (value.facts.eight_bit ? kEightBit : 0U) | (value.facts.utf8_header ? kUtf8Header : 0U) |
            (value.is_bounce ? kIsBounce : 0U) | (value.external ? kExternal : 0U)));
        varint(value.facts.size);
        varint(value.facts.header_size);
        text(value.facts.message_id);
        text(value.login);
        text(value.client);
        envelope(value.envelope);
    }

    void record(const Accepted& value) { accepted(value); }
    void record(const Attempt& value) {
        fixed(value.id.value);
        location(value.previous);
        time(value.at);
        text(value.upstream);
        varint(value.number);
        time(value.next_due);
        varint(value.recipients);
    }
    void record(const Outcome& value) {
        fixed(value.id.value);
        location(value.previous);
        time(value.at);
        octet(value.finished ? 1 : 0);
        text(value.upstream);
        time(value.next_due);
        varint(value.recipients.size());
        for (const auto& outcome : value.recipients) {
            varint(outcome.index);
            octet(static_cast<std::uint8_t>(outcome.state));
            octet(outcome.uncertain ? 1 : 0);
            reply(outcome.reply);
        }
    }
    void record(const Carried& value) {
        accepted(value.accepted);
        varint(value.recipients.size());
        for (const auto& standing : value.recipients) {
            octet(static_cast<std::uint8_t>(standing.state));
            reply(standing.reply);
        }
        varint(value.attempts);
        time(value.next_due);
    }
    void record(const UpstreamState& value) {
        text(value.upstream);
        time(value.at);
        time(value.paused_until);
        varint(value.failures_in_row);
        text(value.reason);
        varint(value.limits.size());
        for (const auto& limit : value.limits) {
            varint(limit.window_ms);
            octet(limit.unit);
            varint(limit.used.size());
            for (const auto& [start, used] : limit.used) {
                time(start);
                varint(used);
            }
        }
    }
    void record(const Stopped& value) { time(value.at); }
};

class Reader : public ByteReader {
  public:
    using ByteReader::ByteReader;

    TimePoint time() { return from_unix_ms(fixed<std::int64_t>()); }
    Location location() {
        Location at;
        at.segment = fixed<std::uint32_t>();
        at.offset = fixed<std::uint32_t>();
        return at;
    }
    bool flag() { return octet_below(2) != 0; }
    std::uint8_t octet_below(unsigned limit) {
        const std::uint8_t value = octet();
        if (value >= limit) {
            refuse();
            return 0;
        }
        return value;
    }
    Reply reply() {
        Reply value;
        value.code = varint_as<std::uint16_t>();
        if (const std::uint8_t klass = octet(); klass != 0) {
            protocol::EnhancedCode enhanced;
            enhanced.klass = klass;
            enhanced.subject = varint_as<std::uint16_t>();
            enhanced.detail = varint_as<std::uint16_t>();
            value.enhanced = enhanced;
        }
        value.text = text();
        return value;
    }
    Envelope envelope() {
        Envelope value;
        value.sender = text();
        const unsigned flags = octet_below(4);
        value.body = (flags & kEightBitMime) != 0 ? BodyType::EightBitMime : BodyType::SevenBit;
        value.smtputf8 = (flags & kSmtpUtf8) != 0;
        value.dsn_return = static_cast<DsnReturn>(octet_below(3));
        value.envelope_id = text();
        value.declared_size = varint();
        value.recipients.resize(count(3));
        for (auto& recipient : value.recipients) {
            recipient.address = text();
            recipient.notify = octet();
            recipient.original_recipient = text();
        }
        return value;
    }
    Accepted accepted() {
        Accepted value;
        value.id.value = fixed<std::uint64_t>();
        value.accepted_at = time();
        const unsigned flags = octet_below(16);
        value.facts.eight_bit = (flags & kEightBit) != 0;
        value.facts.utf8_header = (flags & kUtf8Header) != 0;
        value.is_bounce = (flags & kIsBounce) != 0;
        value.external = (flags & kExternal) != 0;
        value.facts.size = varint();
        value.facts.header_size = varint_as<std::uint32_t>();
        value.facts.message_id = text();
        value.login = text();
        value.client = text();
        value.envelope = envelope();
        return value;
    }
    Attempt attempt() {
        Attempt value;
        value.id.value = fixed<std::uint64_t>();
        value.previous = location();
        value.at = time();
        value.upstream = text();
        value.number = varint_as<std::uint32_t>();
        value.next_due = time();
        value.recipients = varint_as<std::uint32_t>();
        return value;
    }
    Outcome outcome() {
        Outcome value;
        value.id.value = fixed<std::uint64_t>();
        value.previous = location();
        value.at = time();
        value.finished = flag();
        value.upstream = text();
        value.next_due = time();
        value.recipients.resize(count(6));
        for (auto& entry : value.recipients) {
            entry.index = varint_as<std::uint16_t>();
            entry.state = recipient_state();
            entry.uncertain = flag();
            entry.reply = reply();
        }
        return value;
    }
    Carried carried() {
        Carried value;
        value.accepted = accepted();
        value.recipients.resize(count(4));
        for (auto& standing : value.recipients) {
            standing.state = recipient_state();
            standing.reply = reply();
        }
        value.attempts = varint_as<std::uint32_t>();
        value.next_due = time();
        return value;
    }
    UpstreamState upstream_state() {
        UpstreamState value;
        value.upstream = text();
        value.at = time();
        value.paused_until = time();
        value.failures_in_row = varint_as<std::uint32_t>();
        value.reason = text();
        value.limits.resize(count(3));
        for (auto& limit : value.limits) {
            limit.window_ms = varint();
            limit.unit = octet();
            limit.used.resize(count(9));
            for (auto& [start, used] : limit.used) {
                start = time();
                used = varint();
            }
        }
        return value;
    }
    Stopped stopped() {
        Stopped value;
        value.at = time();
        return value;
    }

  private:
    RecipientState recipient_state() { return static_cast<RecipientState>(octet_below(5)); }
};

Record read_record(RecordType type, Reader& in) {
    switch (type) {
        case RecordType::Accepted:
            return in.accepted();
        case RecordType::Attempt:
            return in.attempt();
        case RecordType::Outcome:
            return in.outcome();
        case RecordType::Carried:
            return in.carried();
        case RecordType::UpstreamState:
            return in.upstream_state();
        case RecordType::Stopped:
            return in.stopped();
    }
    in.refuse();
    return Stopped{};
}

}  // namespace

std::string_view to_string(RecordType type) {
    switch (type) {
        case RecordType::Accepted:
            return "accepted";
        case RecordType::Attempt:
            return "attempt";
        case RecordType::Outcome:
            return "outcome";
        case RecordType::Carried:
            return "carried";
        case RecordType::UpstreamState:
            return "upstream-state";
        case RecordType::Stopped:
            return "stopped";
    }
    return "unknown";
}

RecordType type_of(const Record& record) {
    static_assert(std::variant_size_v<Record> == 6);
    return static_cast<RecordType>(record.index() + 1);
}

void append_record(std::string& out, const Record& record) {
    Writer writer(out);
    std::visit([&writer](const auto& value) { writer.record(value); }, record);
}

void append_accepted(std::string& out, const Accepted& accepted) {
    Writer(out).accepted(accepted);
}

Result<Record> decode_record(RecordType type, std::string_view bytes) {
    Reader in(bytes);
    Record record = read_record(type, in);
    if (!in.at_end()) {
        return fail("this is no " + std::string(to_string(type)) +
                    " record: its fields do not fit its length");
    }
    return record;
}

std::optional<MessageId> peek_message_id(RecordType type, std::string_view bytes) {
    if (type == RecordType::UpstreamState || type == RecordType::Stopped || bytes.size() < 8) {
        return std::nullopt;
    }
    return MessageId{get_fixed<std::uint64_t>(bytes.data())};
}

std::optional<AcceptedFront> peek_accepted(RecordType type, std::string_view bytes) {
    if (type != RecordType::Accepted && type != RecordType::Carried) {
        return std::nullopt;
    }
    Reader in(bytes);
    AcceptedFront front;
    front.id.value = in.fixed<std::uint64_t>();
    front.accepted_at = in.time();
    front.external = (in.octet() & kExternal) != 0;
    return in.ok() ? std::optional(front) : std::nullopt;
}

}  // namespace posthouse::spool
