#include "config/users_file.h"

#include "config/pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <crypt.h>
#include <cstring>
#include <fstream>
#include <memory>

namespace posthouse::config {

namespace {

constexpr std::size_t kLargestFile = 64ULL << 20U;
constexpr std::size_t kLongestLine = 64ULL << 10U;
constexpr std::size_t kLongestLogin = 320;
constexpr const char* kNewHashes = "$y$";

// Salted with nothing in particular: no password is ever accepted against it.
constexpr const char* kDecoyWithoutUsers =
    "$y$j9T$AGFPbHMUOHJSKFNXPWGdk.$9EzEExbGO2xHVJYjmFkDEZ1DVXdrMlHh3J1P1MtNHYD";

// What sets the price of checking a hash: the method with its parameters, "$y$j9T$" or "$6$rounds=9$",
// without salt.
std::string_view cost_of(std::string_view hash) {
    const auto second = hash.find('$', 1);
    if (second == std::string_view::npos) return hash.substr(0, 4);
    const std::string_view method = hash.substr(0, second + 1);
    const bool has_parameters = method == "$y$" || method == "$gy$" || method == "$7$" ||
                                method.starts_with("$2") || hash.substr(second + 1).starts_with("rounds=");
    if (!has_parameters) return method;
    return hash.substr(0, hash.find('$', second + 1) + 1);
}

// Whether the password gives this hash; runs the full computation in any case that libcrypt can compute.
bool crypt_matches(const std::string& password, const std::string& hash) {
    const auto data = std::make_unique<crypt_data>();
    const char* computed = crypt_r(password.c_str(), hash.c_str(), data.get());
    const bool failed = computed == nullptr || computed[0] == '*';
    const std::string_view text = failed ? std::string_view{} : std::string_view(computed);
    // No early exit: the time says nothing about how many octets agree.
    unsigned difference = text.size() == hash.size() ? 0U : 1U;
    for (std::size_t i = 0; i < std::min(text.size(), hash.size()); ++i) {
        difference |= static_cast<unsigned char>(text[i]) ^ static_cast<unsigned char>(hash[i]);
    }
    explicit_bzero(data.get(), sizeof(crypt_data));
    return !failed && difference == 0;
}

// libcrypt takes nearly any two letters for the salt of a DES hash, a plain password too; only what it calls
// strong is taken.
bool is_strong_hash(const std::string& hash) {
    return crypt_checksalt(hash.c_str()) == CRYPT_SALT_OK;
}

}  // namespace

std::string complaint_about_login(std::string_view login) {
    if (login.empty()) return "the login is empty";
    if (login.size() > kLongestLogin) return fmt::format("the login is longer than {} octets", kLongestLogin);
    if (login.front() == '#') return "a login must not begin with '#'";
    for (const char c : login) {
        const auto octet = static_cast<unsigned char>(c);
        if (octet <= 0x20 || octet == 0x7F || c == ':') {
            return "a login must not contain ':', blanks or control characters";
        }
    }
    return {};
}

UsersFile::UsersFile() : decoy_hash_(kDecoyWithoutUsers) {}

std::expected<UsersFile, std::vector<Fault>> UsersFile::parse(std::string_view text,
                                                              const std::string& name) {
    UsersFile users;
    std::vector<Fault> faults;
    std::map<std::string_view, std::size_t> costs;
    int line_number = 0;
    const auto fault = [&](std::size_t column, std::string what, std::string advice) {
        faults.push_back(
            {name, line_number, static_cast<int>(column) + 1, std::move(what), std::move(advice)});
    };

    while (!text.empty()) {
        ++line_number;
        const auto end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || line.front() == '#') continue;
        if (line.size() > kLongestLine) {
            fault(0, "the line is longer than 64 KiB", "");
            continue;
        }
        const auto first = line.find(':');
        const std::string_view login = line.substr(0, first);
        if (std::string wrong = complaint_about_login(login); !wrong.empty()) {
            fault(0, std::move(wrong), "write login:hash");
            continue;
        }
        if (first == std::string_view::npos) {
            fault(0, fmt::format("the login {} has no password hash", quote(login)),
                  fmt::format("make the line with: posthouse passwd {}", login));
            continue;
        }
        const auto second = line.find(':', first + 1);
        User user;
        user.hash = line.substr(first + 1, second == std::string_view::npos ? second : second - first - 1);
        if (!is_strong_hash(user.hash)) {
            fault(first + 1,
                  fmt::format("login {}: what stands behind it is no strong password hash", quote(login)),
                  fmt::format("make the line with: posthouse passwd {}", login));
            continue;
        }
        std::size_t column = second;
        while (column != std::string_view::npos) {
            const auto comma = line.find(',', column + 1);
            const std::string_view pattern =
                line.substr(column + 1, comma == std::string_view::npos ? comma : comma - column - 1);
            if (pattern.empty() || pattern.find_first_of(" \t:") != std::string_view::npos) {
                fault(column + 1,
                      fmt::format("login {}: {} is not a sender pattern", quote(login), quote(pattern)),
                      "write addresses like shop@example.org or *@example.org, separated by commas");
            }
            user.senders.emplace_back(pattern);
            column = comma;
        }
        const auto [place, is_new] = users.users_.emplace(login, std::move(user));
        if (!is_new) {
            fault(0, fmt::format("the login {} is here twice", quote(login)), "remove one of the lines");
        }
    }
    if (!faults.empty()) return std::unexpected(std::move(faults));

    std::size_t most = 0;
    for (const auto& [login, user] : users.users_) {
        if (const std::size_t count = ++costs[cost_of(user.hash)]; count > most) {
            most = count;
            users.decoy_hash_ = user.hash;
        }
    }
    return users;
}

std::expected<UsersFile, std::vector<Fault>> UsersFile::load(const std::filesystem::path& file) {
    const auto failed = [&](std::string what) {
        return std::unexpected(
            std::vector<Fault>{{file.string(), 0, 0, std::move(what), "check clients.users_file"}});
    };
    std::ifstream stream(file, std::ios::binary);
    if (!stream) return failed(fmt::format("cannot read the users file: {}", std::strerror(errno)));
    std::string text;
    std::string block(64ULL << 10U, '\0');
    while (stream.read(block.data(), static_cast<std::streamsize>(block.size())) || stream.gcount() > 0) {
        text.append(block, 0, static_cast<std::size_t>(stream.gcount()));
        if (text.size() > kLargestFile) return failed("the users file is larger than 64 MiB");
    }
    if (stream.bad()) return failed("cannot read the users file: it is a directory, or the disk failed");
    return parse(text, file.string());
}

bool UsersFile::verify(std::string_view login, std::string_view password) const {
    const auto found = users_.find(login);
    const bool known = found != users_.end();
    // crypt(3) takes C strings: what follows a NUL would not count, so no such password is ever right.
    const bool sound = password.find('\0') == std::string_view::npos;
    std::string terminated(password);
    const bool equal = crypt_matches(terminated, known ? found->second.hash : decoy_hash_);
    explicit_bzero(terminated.data(), terminated.size());
    return known && sound && equal;
}

bool UsersFile::may_send_as(std::string_view login, std::string_view sender) const {
    const auto found = users_.find(login);
    if (found == users_.end()) return false;
    const std::vector<std::string>& patterns = found->second.senders;
    return patterns.empty() || sender.empty() ||
           std::any_of(patterns.begin(), patterns.end(),
                       [&](const std::string& pattern) { return matches(pattern, sender); });
}

Result<std::string> make_users_line(std::string_view login, std::string_view password) {
    if (std::string wrong = complaint_about_login(login); !wrong.empty()) return fail(std::move(wrong));
    if (password.empty()) return fail("the password is empty; type one");
    if (password.size() >= CRYPT_MAX_PASSPHRASE_SIZE) {
        return fail(fmt::format("the password is longer than {} octets", CRYPT_MAX_PASSPHRASE_SIZE - 1));
    }
    if (password.find('\0') != std::string_view::npos) return fail("the password contains a NUL octet");

    const auto data = std::make_unique<crypt_data>();
    const char* setting =
        crypt_gensalt_rn(kNewHashes, 0, nullptr, 0, data->output, static_cast<int>(sizeof data->output));
    if (setting == nullptr) return fail(fmt::format("cannot make a salt: {}", std::strerror(errno)), errno);
    const std::string salt = setting;
    std::string terminated(password);
    const char* hash = crypt_r(terminated.c_str(), salt.c_str(), data.get());
    explicit_bzero(terminated.data(), terminated.size());
    if (hash == nullptr || hash[0] == '*')
        return fail(fmt::format("cannot hash the password: {}", std::strerror(errno)), errno);
    std::string line = fmt::format("{}:{}", login, hash);
    explicit_bzero(data.get(), sizeof(crypt_data));
    return line;
}

}  // namespace posthouse::config
