#include "session_driver.h"

#include <algorithm>
#include <charconv>
#include <random>
#include <stdexcept>
#include <utility>

namespace posthouse::protocol::testing {
namespace {

template <class... Handlers>
struct Overloaded : Handlers... {
    using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

template <class T>
T take(std::deque<T>& queue, T otherwise) {
    if (queue.empty()) return otherwise;
    T front = std::move(queue.front());
    queue.pop_front();
    return front;
}

std::string describe(const Envelope& envelope) {
    std::string text = "from <" + envelope.sender + ">";
    for (const Recipient& recipient : envelope.recipients) {
        text += " to <" + recipient.address + ">";
        if (recipient.notify != 0) text += " notify " + std::to_string(recipient.notify);
        if (!recipient.original_recipient.empty()) text += " orcpt " + recipient.original_recipient;
    }
    if (envelope.body == BodyType::EightBitMime) text += " 8bitmime";
    if (envelope.smtputf8) text += " smtputf8";
    if (envelope.dsn_return == DsnReturn::Full) text += " ret full";
    if (envelope.dsn_return == DsnReturn::Headers) text += " ret hdrs";
    if (!envelope.envelope_id.empty()) text += " envid " + envelope.envelope_id;
    if (envelope.declared_size != 0) text += " size " + std::to_string(envelope.declared_size);
    return text;
}

}  // namespace

Splitter whole() {
    return [](std::size_t left) { return left; };
}

Splitter octets() {
    return [](std::size_t) { return std::size_t{1}; };
}

Splitter random_pieces(unsigned seed) {
    return [engine = std::mt19937(seed)](std::size_t left) mutable {
        // Short pieces are where framing breaks; now and then a long one.
        const std::size_t most = engine() % 4 == 0 ? left : std::min<std::size_t>(left, 7);
        return 1 + engine() % most;
    };
}

SessionDriver::SessionDriver(ServerOptions options)
    : session_(std::make_shared<const ServerOptions>(std::move(options))) {}

void SessionDriver::start(bool trusted_network, std::optional<TlsFacts> tls) {
    session_.start(trusted_network, std::move(tls));
    pump();
}

void SessionDriver::feed(std::string_view input, const Splitter& split) {
    while (!input.empty() && wants_input_) {
        const std::size_t size = split(input.size());
        wants_input_ = false;
        session_.receive(input.substr(0, size));
        input.remove_prefix(size);
        pump();
    }
}

void SessionDriver::pump() {
    using S = ServerSession;
    wants_input_ = false;
    bool go_on = true;
    while (go_on) {
        const S::Action action = session_.next_action();
        std::visit(
            Overloaded{
                [&](const S::NeedInput&) {
                    wants_input_ = true;
                    go_on = false;
                },
                [&](const S::Wait&) { go_on = false; },
                [&](const S::Send& send) {
                    if (send.bytes.empty()) throw std::logic_error("an empty Send");
                    output_ += send.bytes;
                },
                [&](const S::StartTls&) {
                    actions_.emplace_back("StartTls");
                    go_on = false;
                },
                [&](const S::CheckAuth& check) {
                    actions_.push_back("CheckAuth " + escaped(check.login) + " / " + escaped(check.password));
                    session_.auth_verdict(take(auth_verdicts, AuthVerdict::Refused));
                },
                [&](const S::CheckSender& check) {
                    actions_.push_back("CheckSender " + describe(check.envelope));
                    session_.sender_verdict(take(sender_verdicts, {}));
                },
                [&](const S::CheckRecipient& check) {
                    actions_.push_back("CheckRecipient <" + check.envelope.recipients.back().address + ">");
                    session_.recipient_verdict(take(recipient_verdicts, {}));
                },
                [&](const S::OpenMessage& open) {
                    actions_.push_back("OpenMessage " + describe(open.envelope));
                    body_.clear();
                    const auto refusal = take(open_verdicts, {});
                    message_open_ = !refusal;
                    session_.message_opened(refusal);
                },
                [&](const S::Body& body) {
                    if (body.bytes.empty()) throw std::logic_error("an empty Body");
                    if (!message_open_) throw std::logic_error("a Body without a message");
                    body_ += body.bytes;
                    if (refuse_body_at > 0 && --refuse_body_at == 0) {
                        message_open_ = false;
                        session_.message_refused(Reply(452, EnhancedCode{4, 3, 1}, "full"));
                    }
                },
                [&](const S::CommitMessage&) {
                    if (!message_open_) throw std::logic_error("CommitMessage without a message");
                    message_open_ = false;
                    actions_.push_back("CommitMessage " + escaped(body_));
                    if (const auto refusal = take(commit_verdicts, {})) {
                        session_.message_refused(*refusal);
                    } else {
                        contents_.push_back(body_);
                        session_.message_stored(queue_id);
                    }
                },
                [&](const S::AbortMessage&) {
                    if (!message_open_) throw std::logic_error("AbortMessage without a message");
                    message_open_ = false;
                    actions_.emplace_back("AbortMessage");
                },
                [&](const S::Close&) {
                    if (message_open_) throw std::logic_error("Close with a message open");
                    if (!closed_) actions_.emplace_back("Close");
                    closed_ = true;
                    go_on = false;
                },
            },
            action);
    }
}

void SessionDriver::refuse_content(const Reply& reply) {
    if (!message_open_) return;
    message_open_ = false;
    session_.message_refused(reply);
    pump();
}

std::string SessionDriver::take_output() {
    return std::exchange(output_, {});
}

std::vector<std::string> SessionDriver::take_actions() {
    return std::exchange(actions_, {});
}

std::string escaped(std::string_view text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string out;
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (c == '\\') {
            out += "\\\\";
        } else if (c == '\r') {
            out += "\\r";
        } else if (c == '\n') {
            out += "\\n";
        } else if (octet < 0x20 || octet == 0x7F) {
            out += "\\x";
            out += kHex[octet >> 4U];
            out += kHex[octet & 15U];
        } else {
            out += c;
        }
    }
    return out;
}

std::optional<std::string> unescaped(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out += text[i];
            continue;
        }
        if (++i == text.size()) return std::nullopt;
        switch (text[i]) {
            case '\\':
                out += '\\';
                break;
            case 'r':
                out += '\r';
                break;
            case 'n':
                out += '\n';
                break;
            case 'x': {
                unsigned value = 0;
                const std::string_view digits = text.substr(i + 1, 2);
                const auto [end, error] =
                    std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
                if (error != std::errc() || digits.size() != 2 || end != digits.data() + 2)
                    return std::nullopt;
                out += static_cast<char>(value);
                i += 2;
                break;
            }
            default:
                return std::nullopt;
        }
    }
    return out;
}

}  // namespace posthouse::protocol::testing
