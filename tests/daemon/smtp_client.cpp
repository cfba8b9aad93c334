#include "tests/daemon/smtp_client.h"

#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace posthouse::test {

SmtpClient::SmtpClient(std::uint16_t port) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval patience{10, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        ::close(socket_);
        socket_ = -1;
    }
}

SmtpClient::~SmtpClient() {
    if (socket_ >= 0) ::close(socket_);
}

std::string SmtpClient::read_reply() {
    while (true) {
        std::size_t line = 0;
        while (true) {
            const auto end = buffer_.find("\r\n", line);
            if (end == std::string::npos) break;
            const bool last = end - line < 4 || buffer_[line + 3] != '-';
            line = end + 2;
            if (!last) continue;
            std::string reply = buffer_.substr(0, line);
            buffer_.erase(0, line);
            return reply;
        }
        std::array<char, 4096> piece{};
        const auto got = ::recv(socket_, piece.data(), piece.size(), 0);
        if (got <= 0) return {};
        buffer_.append(piece.data(), static_cast<std::size_t>(got));
    }
}

void SmtpClient::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

std::string SmtpClient::command(std::string_view line) {
    std::string bytes(line);
    send(bytes.append("\r\n"));
    return read_reply();
}

std::string SmtpClient::submit(std::uint16_t port, std::string_view sender, std::string_view recipient,
                               std::string_view content) {
    SmtpClient client(port);
    client.read_reply();
    client.command("EHLO test.example");
    client.command("MAIL FROM:<" + std::string(sender) + ">");
    client.command("RCPT TO:<" + std::string(recipient) + ">");
    client.command("DATA");
    client.send(content);
    std::string reply = client.command("\r\n.");
    client.command("QUIT");
    return reply;
}

}  // namespace posthouse::test
