// UsersFile: who may log in. One line per login, '#' begins a comment line:
//
//     login:crypt-hash[:sender-pattern,...]
//
// Hashes are crypt(3) ones that libcrypt calls strong; `posthouse passwd` makes yescrypt. An unknown login
// costs the same time as a wrong password. Immutable after parsing, safe to use from several threads at once.
// verify() and make_users_line() take tens of milliseconds and much memory on purpose: run them off the event
// loop.
#pragma once

#include "config/fault.h"
#include "protocol/result.h"

#include <expected>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::config {

class UsersFile {
  public:
    // Nobody may log in.
    UsersFile();

    [[nodiscard]] static std::expected<UsersFile, std::vector<Fault>> parse(std::string_view text,
                                                                            const std::string& name);
    [[nodiscard]] static std::expected<UsersFile, std::vector<Fault>> load(const std::filesystem::path& file);

    [[nodiscard]] bool verify(std::string_view login, std::string_view password) const;

    // Whether the login may use this envelope sender: one of its patterns matches (config/pattern.h), it has
    // no patterns, or the sender is empty (<> speaks for nobody). False for an unknown login.
    [[nodiscard]] bool may_send_as(std::string_view login, std::string_view sender) const;

    [[nodiscard]] std::size_t size() const { return users_.size(); }

  private:
    struct User {
        std::string hash;
        std::vector<std::string> senders;
    };

    std::map<std::string, User, std::less<>> users_;
    std::string decoy_hash_;  // what an unknown login is checked against: of the kind most users have
};

// Why this cannot be a login; empty: it can.
[[nodiscard]] std::string complaint_about_login(std::string_view login);

// A line for the file, with a fresh yescrypt hash; no line end.
[[nodiscard]] Result<std::string> make_users_line(std::string_view login, std::string_view password);

}  // namespace posthouse::config
