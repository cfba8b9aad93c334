// A server's bytes against ClientDialogue: it comes to an end whatever the server says, line by line and
// octet by octet alike; it sends only whole, printable lines, no password in clear, no chunk that was not
// offered; each transaction has one result, and none claims a delivery of content that was not sent.
#include "fuzz_input.h"
#include "protocol/client_dialogue.h"

#include <string>
#include <string_view>
#include <vector>

using namespace posthouse;
using namespace posthouse::protocol;

namespace {

struct Scene {
    ClientOptions options;
    bool large = false;
    bool international = false;
    std::uint8_t content_fails_at = 0;  // 1: at the first SendContent, 2: at the second
    bool ends_silently = false;
    std::string_view server;
};

Scene make_scene(fuzz::Input& input) {
    Scene scene;
    const std::uint8_t flags = input.number();
    const std::uint8_t more = input.number();
    scene.options.hostname = "me.example";
    scene.options.starttls = (flags & 1U) != 0;
    scene.options.implicit_tls = (flags & 2U) != 0;
    scene.options.allow_auth_in_clear = (flags & 4U) != 0;
    if ((flags & 8U) != 0) {
        scene.options.credentials =
            Credentials{.login = "user", .secret = "sesamepencil", .is_token = (flags & 16U) != 0};
    }
    // Without a nonce SCRAM is not used: its thousands of hashes would starve the fuzzer.
    if ((flags & 32U) != 0) scene.options.scram_nonce = "rOprNGfwEbeRWgbNEkqO";
    scene.options.send_eight_bit_anyway = (flags & 64U) != 0;
    scene.large = (flags & 128U) != 0;
    scene.international = (more & 1U) != 0;
    scene.content_fails_at = static_cast<std::uint8_t>((more >> 1U) & 3U);
    scene.ends_silently = (more & 8U) != 0;
    scene.server = input.rest();
    return scene;
}

Transaction make_transaction(const Scene& scene) {
    Transaction transaction;
    transaction.sender = "a@example.org";
    for (const char* address : {"b@example.net", "\"c d\"@example.net", "e@example.net"}) {
        transaction.recipients.push_back(
            Recipient{.address = address, .notify = 3, .original_recipient = "rfc822;x"});
    }
    if (scene.international) transaction.recipients[1].address = "gr\xC3\xBCn@example.net";
    transaction.size = scene.large ? 1'000'000 : 7;
    transaction.body = scene.large ? BodyType::EightBitMime : BodyType::SevenBit;
    transaction.envelope_id = "id";
    return transaction;
}

class Play {
  public:
    Play(const Scene& scene, bool by_octets)
        : scene_(scene),
          by_octets_(by_octets),
          client_(scene.options),
          encrypted_(scene.options.implicit_tls) {}

    std::vector<std::string> run() {
        std::size_t steps = 0;
        while (!step())
            fuzz::require(++steps < 100'000 + 20 * scene_.server.size(), "the dialogue comes to an end");
        fuzz::require(begun_ == results_, "each transaction has one result");
        return seen_;
    }

  private:
    // True at the end.
    bool step() {
        using C = ClientDialogue;
        const C::Action action = client_.next_action();
        if (std::holds_alternative<C::NeedInput>(action)) {
            hear();
        } else if (const auto* send = std::get_if<C::Send>(&action)) {
            check_lines(send->bytes);
        } else if (const auto* content = std::get_if<C::SendContent>(&action)) {
            check_lines(content->prefix);
            stream(content->chunked);
        } else if (std::holds_alternative<C::StartTls>(action)) {
            fuzz::require(scene_.options.starttls && !encrypted_, "STARTTLS is wanted");
            seen_.emplace_back("StartTls");
            encrypted_ = true;
            client_.tls_ready();
        } else if (std::holds_alternative<C::Ready>(action)) {
            seen_.emplace_back("Ready");
            ready();
        } else if (const auto* done = std::get_if<C::TransactionDone>(&action)) {
            check(done->result);
        } else if (const auto* failed = std::get_if<C::Failed>(&action)) {
            fuzz::require(!failed->reason.empty(), "a failure has a reason");
            seen_.push_back("Failed " + failed->reason + to_line(failed->reply));
        } else {
            seen_.emplace_back("Close");
            return true;
        }
        return false;
    }

    void hear() {
        if (scene_.server.size() == heard_) {
            if (scene_.ends_silently) return client_.deadline_passed();
            return client_.peer_closed();
        }
        // A line at a time, since a server answers one thing after the other.
        const std::string_view rest = scene_.server.substr(heard_);
        const std::size_t line = by_octets_ ? 1 : std::min(rest.find('\n'), rest.size() - 1) + 1;
        heard_ += line;
        client_.receive(rest.substr(0, line));
    }

    void stream(bool chunked) {
        fuzz::require(!chunked || client_.capabilities().chunking, "CHUNKING was offered");
        seen_.emplace_back(chunked ? "chunked" : "data");
        if (++contents_ == scene_.content_fails_at) return client_.content_failed("cannot read");
        content_sent_ = true;
        client_.content_sent();
    }

    void ready() {
        fuzz::require(!scene_.options.starttls || encrypted_ || scene_.options.implicit_tls,
                      "TLS was demanded");
        fuzz::require(!scene_.options.credentials || client_.authenticated_with(), "a login was demanded");
        if (begun_ == 2) return client_.quit();
        ++begun_;
        content_sent_ = false;
        client_.start_transaction(make_transaction(scene_));
    }

    void check(const TransactionResult& result) {
        ++results_;
        std::string text = result.connection_usable ? "usable" : "over";
        fuzz::require(result.recipients.size() == 3, "each recipient has a result");
        for (const RecipientResult& recipient : result.recipients) {
            const auto status = recipient.status;
            const bool needs_content =
                status == RecipientStatus::Delivered || status == RecipientStatus::Uncertain;
            fuzz::require(!needs_content || content_sent_, "no delivery without content");
            fuzz::require(status != RecipientStatus::Delivered || recipient.reply.positive(),
                          "delivered with a 2xx");
            fuzz::require(status != RecipientStatus::Refused || recipient.reply.code >= 400,
                          "refused with a 4xx or 5xx");
            fuzz::require(status != RecipientStatus::NotTried || !result.connection_usable,
                          "not tried: it ended");
            text += " " + std::to_string(static_cast<int>(status)) + to_line(recipient.reply);
        }
        seen_.push_back(text);
    }

    void check_lines(std::string_view bytes) {
        seen_.emplace_back(bytes);
        fuzz::require(bytes.empty() || bytes.ends_with("\r\n"), "whole lines are sent");
        while (!bytes.empty()) {
            const std::string_view line = bytes.substr(0, bytes.find("\r\n"));
            for (const char c : line)
                fuzz::require(static_cast<unsigned char>(c) >= 0x20, "lines are printable");
            fuzz::require(line.find("sesame") == std::string_view::npos, "no secret is sent as it is");
            const bool may_log_in = encrypted_ || scene_.options.allow_auth_in_clear;
            fuzz::require(!line.starts_with("AUTH") || may_log_in, "no login in clear");
            bytes.remove_prefix(line.size() + 2);
        }
    }

    const Scene& scene_;
    bool by_octets_;
    ClientDialogue client_;
    bool encrypted_;
    bool content_sent_ = false;
    std::size_t heard_ = 0;
    int begun_ = 0;
    int results_ = 0;
    int contents_ = 0;
    std::vector<std::string> seen_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const Scene scene = make_scene(input);
    fuzz::require(Play(scene, false).run() == Play(scene, true).run(), "octet by octet gives the same");
    return 0;
}
