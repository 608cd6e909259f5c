#include "cluster/connection/certificate.h"

#include <memory>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/error.h"
#include "cluster/auth/secret_file.h"

namespace espalier {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Memory = std::unique_ptr<BIO, decltype(&BIO_free)>;

constexpr std::uintmax_t kMostCertificateBytes = 16U << 10;

void check(bool good) {
  if (!good) throw Error(ErrorKind::internal, "OpenSSL could not make a certificate");
}

Key new_key() {
  Key key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  check(key != nullptr);
  return key;
}

Certificate new_certificate(EVP_PKEY* key) {
  Certificate certificate(X509_new(), &X509_free);
  check(certificate != nullptr);
  X509* const x509 = certificate.get();
  X509_NAME* const name = X509_get_subject_name(x509);
  const auto* const common_name = reinterpret_cast<const unsigned char*>("espalier coordinator");
  check(X509_set_version(x509, X509_VERSION_3) == 1);
  check(ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), 1) == 1);
  // It is valid until it is replaced: clock skew between machines must not reject a pool.
  check(ASN1_TIME_set_string_X509(X509_getm_notBefore(x509), "20000101000000Z") == 1);
  check(ASN1_TIME_set_string_X509(X509_getm_notAfter(x509), "99991231235959Z") == 1);
  check(X509_set_pubkey(x509, key) == 1);
  check(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common_name, -1, -1, 0) == 1);
  check(X509_set_issuer_name(x509, name) == 1);
  check(X509_sign(x509, key, EVP_sha256()) > 0);
  return certificate;
}

std::string text_in(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  check(size > 0);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

// The key first: so an existing certificate always has its key, even after a power loss.
void make_certificate(const StorePaths& store) {
  const Key key = new_key();
  const Certificate certificate = new_certificate(key.get());
  const Memory key_text(BIO_new(BIO_s_mem()), &BIO_free), certificate_text(BIO_new(BIO_s_mem()), &BIO_free);
  check(PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  check(PEM_write_bio_X509(certificate_text.get(), certificate.get()) == 1);
  write_secret_file(store.private_key(), text_in(key_text.get()), "key");
  write_secret_file(store.certificate(), text_in(certificate_text.get()), "certificate");
}

void make_certificate_if_missing(const StorePaths& store) {
  if (!std::filesystem::exists(store.certificate()) || !std::filesystem::exists(store.private_key()))
    make_certificate(store);
}

Digest certificate_fingerprint(const StorePaths& store) {
  const std::string text = read_secret_file(store.certificate(), kMostCertificateBytes, "certificate");
  const Memory memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free);
  const Certificate certificate(PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr), &X509_free);
  Digest digest;
  unsigned int length = 0;
  if (certificate == nullptr || X509_digest(certificate.get(), EVP_sha256(), digest.data(), &length) != 1 ||
      length != digest.size()) {
    throw Error(ErrorKind::invalid_input,
                store.certificate().string() + ": is no certificate; make a new one with: espalier token rotate");
  }
  return digest;
}

}  // namespace espalier
