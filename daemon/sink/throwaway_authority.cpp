#include "daemon/sink/throwaway_authority.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <memory>

namespace posthouse::sink {
namespace {

template <auto Free>
struct Deleter {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Deleter<X509_free>>;
using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;

constexpr long kValidSeconds = 7L * 24 * 3600;
constexpr long kClockSkewSeconds = 3600;

bool add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
    return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

CertificatePtr make_certificate(const char* name, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
    CertificatePtr certificate(X509_new());
    std::uint32_t serial = 0;
    RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);  // OpenSSL's interface wants octets
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial | 1U);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kClockSkewSeconds);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kValidSeconds);
    X509_set_pubkey(certificate.get(), key);
    X509_NAME* subject = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name), -1,
                               -1, 0);
    X509* signer = issuer != nullptr ? issuer : certificate.get();
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer));
    const bool extended =
        issuer == nullptr
            ? add_extension(certificate.get(), signer, NID_basic_constraints, "critical,CA:TRUE") &&
                  add_extension(certificate.get(), signer, NID_key_usage, "critical,keyCertSign")
            : add_extension(certificate.get(), signer, NID_subject_alt_name,
                            "DNS:localhost,IP:127.0.0.1,IP:::1") &&
                  add_extension(certificate.get(), signer, NID_ext_key_usage, "serverAuth");
    if (!extended || X509_sign(certificate.get(), issuer_key, EVP_sha256()) == 0) return nullptr;
    return certificate;
}

std::string read_all(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

std::string to_pem(X509* certificate) {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), certificate);
    return read_all(bio.get());
}

std::string to_pem(EVP_PKEY* key) {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
    return read_all(bio.get());
}

}  // namespace

Result<ThrowawayCertificates> make_throwaway_certificates() {
    const KeyPtr authority_key(EVP_EC_gen("P-256"));
    const KeyPtr server_key(EVP_EC_gen("P-256"));
    if (!authority_key || !server_key)
        return fail("OpenSSL could not make a key for the throw-away certificate");
    const auto authority =
        make_certificate("posthouse throw-away CA", authority_key.get(), nullptr, authority_key.get());
    if (!authority) return fail("OpenSSL could not make the throw-away CA");
    const auto server = make_certificate("localhost", server_key.get(), authority.get(), authority_key.get());
    if (!server) return fail("OpenSSL could not make the throw-away server certificate");
    ThrowawayCertificates made;
    made.authority = to_pem(authority.get());
    made.certificate = to_pem(server.get());
    made.key = to_pem(server_key.get());
    return made;
}

}  // namespace posthouse::sink
