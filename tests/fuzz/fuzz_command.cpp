// Commands: any line gives a command or a reply; what a command carries is bounded and cannot leave its line.
#include "fuzz_input.h"
#include "protocol/address.h"
#include "protocol/command_parser.h"
#include "protocol/xtext.h"

using namespace posthouse;
using namespace posthouse::protocol;

namespace {

bool is_plain_word(std::string_view text) {
    return !has_control_characters(text) && !text.contains(' ');
}

void check(const command::Mail& mail) {
    if (!mail.sender.empty()) {
        fuzz::require(parse_mailbox(mail.sender, mail.smtputf8) == mail.sender, "the sender is canonical");
    }
    fuzz::require(mail.envelope_id.size() <= 100 && is_plain_word(mail.envelope_id),
                  "ENVID is one short word");
    const auto envid = xtext_decode(mail.envelope_id);
    fuzz::require(envid && is_ascii(*envid) && !has_control_characters(*envid),
                  "ENVID decodes to plain text");
    if (mail.auth) fuzz::require(!has_control_characters(*mail.auth), "AUTH= decodes to plain text");
}

void check(const command::Rcpt& rcpt, bool smtputf8) {
    const Recipient& recipient = rcpt.recipient;
    fuzz::require(
        recipient.address == "postmaster" || parse_mailbox(recipient.address, smtputf8) == recipient.address,
        "the recipient is canonical");
    fuzz::require(recipient.original_recipient.size() <= 500 && is_plain_word(recipient.original_recipient),
                  "ORCPT is one short word");
    fuzz::require((recipient.notify & kNotifyNever) == 0 || recipient.notify == kNotifyNever,
                  "NEVER stands alone");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const ParseOptions options{.smtputf8 = (input.number() & 1U) != 0};
    const auto command = parse_command(input.rest(), options);
    if (!command) {
        const Reply& reply = command.error();
        fuzz::require(reply.permanent() && reply.enhanced && reply.enhanced->klass == 5,
                      "a bad line gets a 5xx 5.x.y");
        const std::string wire = to_wire(reply);
        fuzz::require(wire.size() <= 512 && wire.ends_with("\r\n"),
                      "the reply is one line of at most 512 octets");
        return 0;
    }
    if (const auto* mail = std::get_if<command::Mail>(&*command)) check(*mail);
    if (const auto* rcpt = std::get_if<command::Rcpt>(&*command)) check(*rcpt, options.smtputf8);
    if (const auto* bdat = std::get_if<command::Bdat>(&*command)) {
        fuzz::require(bdat->size <= kMaxChunkSize, "a chunk is bounded");
    }
    if (const auto* ehlo = std::get_if<command::Ehlo>(&*command)) {
        fuzz::require(is_ascii(ehlo->client) && is_plain_word(ehlo->client),
                      "the client's name is one plain word");
        fuzz::require(!ehlo->client.empty() && ehlo->client.size() <= kMaxDomain,
                      "the client's name is bounded");
    }
    if (const auto* auth = std::get_if<command::Auth>(&*command)) {
        fuzz::require(auth->mechanism.size() <= 20, "a mechanism's name is bounded");
    }
    const auto* unknown = std::get_if<command::Unknown>(&*command);
    if (unknown == nullptr || !unknown->looks_like_http) {
        std::string_view line = input.rest();
        fuzz::require(verb_of(*command) == verb_of(line), "the verb is the first word");
    }
    return 0;
}
