#include "protocol/sasl.h"

#include "protocol/base64.h"
#include "protocol/utf8.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

namespace posthouse::protocol {
namespace {

struct MechanismName {
    AuthMechanism mechanism;
    std::string_view name;
};
constexpr std::array kMechanismNames{
    MechanismName{AuthMechanism::Plain, "PLAIN"},
    MechanismName{AuthMechanism::Login, "LOGIN"},
    MechanismName{AuthMechanism::CramMd5, "CRAM-MD5"},
    MechanismName{AuthMechanism::ScramSha256, "SCRAM-SHA-256"},
    MechanismName{AuthMechanism::XOAuth2, "XOAUTH2"},
    MechanismName{AuthMechanism::OAuthBearer, "OAUTHBEARER"},
};

constexpr char upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

bool is_control(char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet < 0x20 || octet == 0x7F;
}

// RFC 7677 4: at least 4096 iterations; fewer would hand an impostor a cheap dictionary attack.
constexpr std::uint32_t kMinIterations = 4096;
// Twice what password-storage advice asks for today; more would let a server hold our I/O thread for seconds.
constexpr std::uint32_t kMaxIterations = 1'200'000;
constexpr std::size_t kMaxServerError = 512;

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

const unsigned char* octets(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string_view text_of(std::span<const unsigned char> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// False when the crypto library cannot provide the digest (MD5 under a FIPS policy).
bool hmac(const EVP_MD* digest, std::string_view key, std::string_view message,
          std::span<unsigned char> out) {
    unsigned length = 0;
    return HMAC(digest, key.data(), static_cast<int>(key.size()), octets(message), message.size(), out.data(),
                &length) != nullptr &&
           length == out.size();
}

// A digest derived from the password; gone when the scope ends.
struct SecretDigest {
    Digest bytes{};
    SecretDigest() = default;
    SecretDigest(const SecretDigest&) = delete;
    SecretDigest& operator=(const SecretDigest&) = delete;
    ~SecretDigest() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
    [[nodiscard]] std::string_view view() const { return text_of(bytes); }
};

// RFC 5802 5.1 saslname: '=' and ',' are written as escapes.
std::string sasl_name(std::string_view name) {
    std::string out;
    out.reserve(name.size());
    for (const char c : name) {
        if (c == '=') {
            out += "=3D";
        } else if (c == ',') {
            out += "=2C";
        } else {
            out += c;
        }
    }
    return out;
}

// Takes "<key>=<value>" from the front of a comma-separated list.
std::optional<std::string_view> take_attribute(std::string_view& rest, char key) {
    if (rest.size() < 2 || rest[0] != key || rest[1] != '=') return std::nullopt;
    const std::size_t comma = rest.find(',');
    const std::string_view value = rest.substr(2, comma == std::string_view::npos ? comma : comma - 2);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    return value;
}

}  // namespace

std::string_view to_string(AuthMechanism mechanism) {
    for (const auto& entry : kMechanismNames) {
        if (entry.mechanism == mechanism) return entry.name;
    }
    return "";
}

std::optional<AuthMechanism> parse_auth_mechanism(std::string_view name) {
    for (const auto& entry : kMechanismNames) {
        if (std::ranges::equal(entry.name, name, {}, {}, upper)) return entry.mechanism;
    }
    return std::nullopt;
}

void wipe(std::string& secret) noexcept {
    secret.resize(secret.capacity());  // also what an earlier, longer value left behind; never allocates
    volatile char* at = secret.data();
    for (std::size_t i = 0; i < secret.size(); ++i)
        at[i] = '\0';
    secret.clear();
}

SaslClient::SaslClient(AuthMechanism mechanism, const Credentials& credentials, std::string nonce)
    : mechanism_(mechanism), credentials_(credentials), nonce_(std::move(nonce)) {}

SaslClient::~SaslClient() {
    wipe(server_signature_);
}

Result<std::optional<std::string>> SaslClient::initial_response() {
    const std::string& login = credentials_.login;
    const std::string& secret = credentials_.secret;
    if (login.empty() || secret.empty())
        return fail("login or password is empty; set both for this upstream");
    // NUL and \x01 are separators in these messages; a value that has them would be read as something else.
    if (has_control_characters(login)) return fail("the login has control octets; remove them");
    if (has_control_characters(secret)) {
        return fail("the password or token has control octets (a line end?); remove them");
    }

    switch (mechanism_) {
        case AuthMechanism::Plain: {
            std::string message;
            message.reserve(login.size() + secret.size() + 2);
            message.append(1, '\0').append(login).append(1, '\0').append(secret);
            return message;
        }
        case AuthMechanism::Login:
        case AuthMechanism::CramMd5:
            return std::nullopt;
        case AuthMechanism::ScramSha256:
            if (nonce_.empty()) return fail("no nonce was given for SCRAM-SHA-256");
            client_first_bare_ = "n=" + sasl_name(login) + ",r=" + nonce_;
            return "n,," + client_first_bare_;
        case AuthMechanism::XOAuth2:
            return "user=" + login + "\x01" + "auth=Bearer " + secret + "\x01\x01";
        case AuthMechanism::OAuthBearer:
            // RFC 7628 3.1; host and port are optional and add nothing that TLS has not proved.
            return "n,a=" + sasl_name(login) + ",\x01" + "auth=Bearer " + secret + "\x01\x01";
    }
    return std::nullopt;
}

Result<std::string> SaslClient::respond(std::string_view challenge) {
    ++challenges_;
    switch (mechanism_) {
        case AuthMechanism::Plain:
            // A server that ignored the initial response asks for it with an empty challenge; it is sent once
            // more.
            if (challenges_ == 1 && challenge.empty()) {
                auto message = initial_response();
                if (!message) return std::unexpected(message.error());
                return std::move(**message);
            }
            break;
        case AuthMechanism::Login:
            // The prompts are not standardized; what counts is their order.
            if (challenges_ == 1) return credentials_.login;
            if (challenges_ == 2) return credentials_.secret;
            break;
        case AuthMechanism::CramMd5: {
            if (challenges_ != 1 || challenge.empty()) break;
            std::array<unsigned char, 16> mac{};
            if (!hmac(EVP_md5(), credentials_.secret, challenge, mac)) {
                return fail("the crypto library refuses MD5; choose another mechanism than CRAM-MD5");
            }
            std::string answer = credentials_.login + " ";
            constexpr std::string_view kHex = "0123456789abcdef";
            for (const unsigned char octet : mac) {
                answer += kHex[octet >> 4U];
                answer += kHex[octet & 0x0FU];
            }
            return answer;
        }
        case AuthMechanism::ScramSha256:
            return respond_scram(challenge);
        case AuthMechanism::XOAuth2:
        case AuthMechanism::OAuthBearer:
            // A challenge is the refusal in detail; an answer without content fetches the 5xx (RFC
            // 7628 3.2.3).
            if (challenges_ == 1) {
                server_error_ = challenge.substr(0, kMaxServerError);
                std::ranges::replace_if(server_error_, is_control, ' ');
                return mechanism_ == AuthMechanism::OAuthBearer ? std::string(1, '\x01') : std::string();
            }
            break;
    }
    return fail("the server sent a challenge that " + std::string(to_string(mechanism_)) + " does not have");
}

Result<std::string> SaslClient::respond_scram(std::string_view challenge) {
    if (challenges_ == 1) return scram_proof(challenge);
    if (challenges_ != 2) return fail("the server sent a challenge that SCRAM-SHA-256 does not have");

    std::string_view rest = challenge;
    if (const auto error = take_attribute(rest, 'e')) {
        server_error_ = error->substr(0, kMaxServerError);
        std::ranges::replace_if(server_error_, is_control, ' ');
        return std::string();  // the 5xx follows
    }
    const auto verifier = take_attribute(rest, 'v');
    const auto signature = verifier ? base64_decode(*verifier) : std::nullopt;
    if (!signature || signature->size() != server_signature_.size() ||
        CRYPTO_memcmp(signature->data(), server_signature_.data(), signature->size()) != 0) {
        return fail(
            "the server could not prove that it knows the password (SCRAM server signature is wrong)");
    }
    server_proved_ = true;
    return std::string();
}

Result<std::string> SaslClient::scram_proof(std::string_view server_first) {
    // RFC 5802 7 server-first-message: [reserved-mext ","] nonce "," salt "," iteration-count [","
    // extensions]
    const auto nonsense = [] { return fail("the server's SCRAM-SHA-256 challenge is malformed"); };
    std::string_view rest = server_first;
    const auto nonce = take_attribute(rest, 'r');
    const auto salt_text = nonce ? take_attribute(rest, 's') : std::nullopt;
    const auto count_text = salt_text ? take_attribute(rest, 'i') : std::nullopt;
    if (!count_text) return nonsense();
    if (nonce->size() <= nonce_.size() || !nonce->starts_with(nonce_) ||
        !std::ranges::all_of(*nonce, [](char c) { return c > ' ' && c <= '~'; })) {
        return fail("the server's SCRAM-SHA-256 challenge does not extend our nonce; it may be a replay");
    }
    const auto salt = base64_decode(*salt_text);
    if (!salt || salt->empty()) return nonsense();
    std::uint32_t iterations = 0;
    const char* end = count_text->data() + count_text->size();
    const auto [parsed_to, error] = std::from_chars(count_text->data(), end, iterations);
    if (error != std::errc() || parsed_to != end) return nonsense();
    if (iterations < kMinIterations || iterations > kMaxIterations) {
        return fail("the server asks for " + std::string(*count_text) + " SCRAM iterations; accepted are " +
                    std::to_string(kMinIterations) + " to " + std::to_string(kMaxIterations));
    }

    // RFC 5802 3
    const std::string without_proof = "c=biws,r=" + std::string(*nonce);
    const std::string auth_message =
        client_first_bare_ + "," + std::string(server_first) + "," + without_proof;
    const EVP_MD* sha256 = EVP_sha256();
    SecretDigest salted;
    SecretDigest client_key;
    SecretDigest server_key;
    Digest stored_key{};
    Digest proof{};
    Digest signature{};
    const std::string& secret = credentials_.secret;
    const bool computed =
        PKCS5_PBKDF2_HMAC(secret.data(), static_cast<int>(secret.size()), octets(*salt),
                          static_cast<int>(salt->size()), static_cast<int>(iterations), sha256,
                          static_cast<int>(salted.bytes.size()), salted.bytes.data()) == 1 &&
        hmac(sha256, salted.view(), "Client Key", client_key.bytes) &&
        hmac(sha256, salted.view(), "Server Key", server_key.bytes) &&
        EVP_Digest(client_key.bytes.data(), client_key.bytes.size(), stored_key.data(), nullptr, sha256,
                   nullptr) == 1 &&
        hmac(sha256, text_of(stored_key), auth_message, proof) &&
        hmac(sha256, server_key.view(), auth_message, signature);
    if (!computed) return fail("the crypto library could not compute the SCRAM-SHA-256 proof");
    for (std::size_t i = 0; i < proof.size(); ++i) {
        proof[i] = static_cast<unsigned char>(proof[i] ^ client_key.bytes[i]);
    }
    server_signature_ = text_of(signature);
    return without_proof + ",p=" + base64_encode(text_of(proof));
}

Result<void> SaslClient::succeeded() const {
    if (mechanism_ == AuthMechanism::ScramSha256 && !server_proved_) {
        return fail(
            "the server accepted the login without proving that it knows the password (SCRAM-SHA-256)");
    }
    return {};
}

std::expected<Claim, PlainFault> parse_plain(std::string_view message) {
    const std::size_t first = message.find('\0');
    const std::size_t second = first == std::string_view::npos ? first : message.find('\0', first + 1);
    if (second == std::string_view::npos) return std::unexpected(PlainFault::Malformed);
    const std::string_view authzid = message.substr(0, first);
    const std::string_view login = message.substr(first + 1, second - first - 1);
    const std::string_view password = message.substr(second + 1);
    if (login.empty() || password.empty() || has_control_characters(login) ||
        password.find('\0') != std::string_view::npos) {
        return std::unexpected(PlainFault::Malformed);
    }
    if (!authzid.empty() && authzid != login) return std::unexpected(PlainFault::Foreign);
    return Claim{.login = std::string(login), .password = std::string(password)};
}

}  // namespace posthouse::protocol
