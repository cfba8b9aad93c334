// Writes bounces and converted messages into a folder, for content_samples_check.py, which reads them with a
// parser that is not ours.
#include "protocol/bounce_builder.h"
#include "protocol/seven_bit.h"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>

namespace {

using namespace posthouse;
using namespace posthouse::protocol;

void write(const std::string& folder, std::string_view name, std::string_view content) {
    std::ofstream file(folder + "/" + std::string(name), std::ios::binary);
    file << content;
    if (!file.flush()) {
        std::cerr << "cannot write " << name << " into " << folder << '\n';
        std::exit(EXIT_FAILURE);
    }
}

Bounce bounce(BounceAction action, Reply reply, std::string_view original, std::size_t header_size) {
    Bounce made;
    made.hostname = "relay.example";
    made.sender = "sender@example.com";
    made.envelope_id = "QQ+2B1";
    made.queue_id = "0abc";
    made.message_id = "<b@relay.example>";
    made.arrival = from_unix_ms(1000);
    made.now = from_unix_ms(2000);
    made.original = original;
    made.header_size = header_size;
    for (const char* address : {"one@example.org", "two@example.org"}) {
        BounceRecipient recipient;
        recipient.address = address;
        recipient.original_recipient = "rfc822;user+2Btag@example.org";
        recipient.action = action;
        recipient.reply = reply;
        recipient.remote_host = "mx.example.org";
        recipient.last_attempt = from_unix_ms(1500);
        recipient.retry_until = from_unix_ms(90000);
        made.recipients.push_back(recipient);
    }
    return made;
}

std::string convert(std::string_view content) {
    SevenBitSurvey survey;
    survey.feed(content);
    const Result<SevenBitPlan> plan = survey.finish();
    if (!plan) {
        std::cerr << plan.error().message() << '\n';
        std::exit(EXIT_FAILURE);
    }
    std::string out;
    const auto sink = [&](std::string_view bytes) { out += bytes; };
    SevenBitConverter converter(*plan);
    converter.feed(content, sink);
    if (!converter.finish(sink)) std::exit(EXIT_FAILURE);
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return EXIT_FAILURE;
    const std::string folder = argv[1];

    const std::string header = "Message-ID: <orig@x>\r\nSubject: hello\r\n\r\n";
    const std::string content = header + "the body\r\n";
    write(folder, "failed.eml",
          build_bounce(bounce(BounceAction::Failed, Reply(550, EnhancedCode{5, 1, 1}, "No such user\nhere"),
                              content, header.size()))
              .content);
    Bounce full = bounce(BounceAction::Expired, Reply(451, "later"), content, header.size());
    full.return_full = true;
    write(folder, "expired.eml", build_bounce(full).content);
    write(folder, "delayed.eml",
          build_bounce(bounce(BounceAction::Delayed, Reply(451, "\xD0\xBF\xD0\xBE\xD0\xB7\xD0\xB6\xD0\xB5"),
                              content, header.size()))
              .content);
    write(folder, "relayed.eml",
          build_bounce(bounce(BounceAction::Relayed, Reply(250, "ok"), content, header.size())).content);

    std::string octets;
    for (int i = 0; i < 3000; ++i)
        octets += static_cast<char>(i % 251);
    std::string text =
        "Gr\xC3\xBC\xC3\x9F"
        "e, trailing white \r\n-- \r\n=3D literal\r\n";
    for (int i = 0; i < 300; ++i)
        text += "\xC3\xA4-";
    text += "\r\n.\r\n";
    std::string mixed = "MIME-Version: 1.0\r\nSubject: s\r\nContent-Transfer-Encoding: 8bit\r\n";
    mixed += "Content-Type: multipart/mixed; boundary=\"--b\"\r\n\r\npreamble\r\n----b\r\n";
    mixed += "Content-Type: multipart/alternative; boundary=\"--b1\"\r\n\r\n----b1\r\n";
    mixed += "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + text +
             "\r\n----b1\r\n";
    mixed += "Content-Type: text/html; charset=utf-8\r\n\r\n<p>plain</p>\r\n----b1--\r\n\r\n----b\r\n";
    mixed += "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n" + octets +
             "\r\n----b\r\n";
    mixed += "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\n" + text + "\r\n----b--\r\n";
    write(folder, "before.eml", mixed);
    write(folder, "after.eml", convert(mixed));
    return EXIT_SUCCESS;
}
