// Addresses: the canonical form is a fixed point, within its limits, and holds nothing that could leave its
// line.
#include "fuzz_input.h"
#include "protocol/address.h"

using namespace posthouse;
using namespace posthouse::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t choice = input.number();
    const PathRules rules{
        .utf8 = (choice & 1U) != 0, .allow_null = (choice & 2U) != 0, .allow_postmaster = (choice & 4U) != 0};

    if (const auto path = parse_path(input.rest(), rules)) {
        fuzz::require(path->length >= 2 && path->length <= input.rest().size(),
                      "the path lies inside its text");
        fuzz::require(path->length <= kMaxPath, "the path is within 256 octets");
        fuzz::require(input.rest()[path->length - 1] == '>', "the path ends with >");
        fuzz::require(!path->mailbox.empty() || rules.allow_null, "an empty mailbox is <>");
        fuzz::require(!has_control_characters(path->mailbox), "no control characters");
        fuzz::require(rules.utf8 ? is_valid_utf8(path->mailbox) : is_ascii(path->mailbox),
                      "ASCII, or UTF-8 if allowed");
        const std::string_view domain = domain_of(path->mailbox);
        const std::string_view local = local_part_of(path->mailbox);
        if (domain.empty()) {
            fuzz::require(path->mailbox.empty() || path->mailbox == "postmaster",
                          "only postmaster has no domain");
        } else {
            fuzz::require(local.size() + 1 + domain.size() == path->mailbox.size(), "local part, @, domain");
            fuzz::require(local.size() <= kMaxLocalPart && domain.size() <= kMaxDomain,
                          "the parts are within limits");
            fuzz::require(is_domain(domain, rules.utf8), "the domain is one");
            const auto again = parse_path("<" + path->mailbox + ">", PathRules{.utf8 = rules.utf8});
            fuzz::require(again && again->mailbox == path->mailbox, "the canonical form parses to itself");
        }
    }
    if (const auto mailbox = parse_mailbox(input.rest(), rules.utf8)) {
        const auto again = parse_mailbox(*mailbox, rules.utf8);
        fuzz::require(again && *again == *mailbox, "the canonical form parses to itself");
    }
    return 0;
}
