// A small blocking SMTP client for the tests of the daemon: sends lines, returns replies. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace posthouse::test {

class SmtpClient {
  public:
    explicit SmtpClient(std::uint16_t port);
    ~SmtpClient();
    SmtpClient(const SmtpClient&) = delete;
    SmtpClient& operator=(const SmtpClient&) = delete;

    // The next reply, all its lines with their CRLF; empty when the server closed or ten seconds passed.
    std::string read_reply();
    void send(std::string_view bytes);
    std::string command(std::string_view line);  // CRLF is added

    // One message in a session of its own; the final reply.
    static std::string submit(std::uint16_t port, std::string_view sender, std::string_view recipient,
                              std::string_view content);

  private:
    int socket_ = -1;
    std::string buffer_;
};

}  // namespace posthouse::test
