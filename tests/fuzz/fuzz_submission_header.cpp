// Submission header: the same for every cut, and nothing changes but what is added and the Bcc fields.
#include "fuzz_input.h"
#include "plain_header.h"
#include "protocol/date.h"
#include "protocol/submission_header.h"

#include <string>
#include <vector>

using namespace posthouse;
using namespace posthouse::protocol;

namespace {

constexpr std::size_t kMaxHeader = 4096;
constexpr std::uint32_t kMaxReceived = 5;

SubmissionOptions options() {
    SubmissionOptions made;
    made.received.client_name = "client.example";
    made.received.client_address = "192.0.2.1";
    made.received.hostname = "relay.example";
    made.received.id = "0abc";
    made.message_id = "<new@relay.example>";
    made.max_header = kMaxHeader;
    made.max_received = kMaxReceived;
    return made;
}

struct Taken {
    std::string output;
    Reply refusal;
    SubmissionFacts facts;
};

Taken take(const std::vector<std::string_view>& pieces) {
    Taken taken;
    const auto sink = [&](std::string_view bytes) { taken.output += bytes; };
    SubmissionHeader header(options());
    for (const std::string_view piece : pieces) {
        if (auto done = header.feed(piece, sink); !done) {
            taken.refusal = done.error();
            return taken;
        }
    }
    if (auto done = header.finish(sink); !done) taken.refusal = done.error();
    taken.facts = header.facts();
    return taken;
}

void check_same(const Taken& a, const Taken& b) {
    fuzz::require(a.refusal == b.refusal, "every cut is refused alike");
    fuzz::require(a.output == b.output, "every cut gives the same");
    if (a.refusal.code != 0) return;
    fuzz::require(a.facts.size == b.facts.size && a.facts.header_size == b.facts.header_size &&
                      a.facts.eight_bit == b.facts.eight_bit && a.facts.utf8_header == b.facts.utf8_header &&
                      a.facts.message_id == b.facts.message_id,
                  "every cut has the same facts");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t seed = input.number();
    const std::string_view text = input.rest();
    const Taken whole = take({text});
    check_same(whole, take(fuzz::cut(text, seed)));
    check_same(whole, take(fuzz::cut(text, 0)));

    const fuzz::PlainHeader plain = fuzz::read_header(text);
    std::string fields;
    bool has_date = false;
    bool has_message_id = false;
    std::uint32_t received = 0;
    for (const fuzz::PlainField& field : plain.fields) {
        has_date = has_date || field.name == "date";
        has_message_id = has_message_id || field.name == "message-id";
        received += field.name == "received" ? 1 : 0;
        if (field.name != "bcc" && field.name != "resent-bcc")
            fields += text.substr(field.offset, field.size);
    }
    if (plain.size > kMaxHeader || received > kMaxReceived) {
        fuzz::require(whole.refusal.permanent() && whole.output.empty(),
                      "too large a header and a loop are refused");
        return 0;
    }
    if (whole.refusal.code != 0) return 0;  // more Bcc fields than can be removed

    std::string expected;
    append_received(expected, options().received);
    if (!has_date) expected += "Date: " + format_date(TimePoint{}) + "\r\n";
    if (!has_message_id) expected += "Message-ID: <new@relay.example>\r\n";
    expected += fields;
    std::size_t fields_size = 0;
    for (const fuzz::PlainField& field : plain.fields)
        fields_size += field.size;
    expected +=
        plain.broken_off ? std::string_view("\r\n") : text.substr(fields_size, plain.size - fields_size);
    fuzz::require(whole.facts.header_size == expected.size(), "the header is as large as it is said to be");
    expected += text.substr(plain.size);
    fuzz::require(whole.output == expected, "nothing else changes");
    fuzz::require(whole.facts.size == expected.size(), "the content is as large as it is said to be");
    return 0;
}
