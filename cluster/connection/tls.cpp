#include "cluster/connection/tls.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/error.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/error.h"
#include "cluster/auth/secret_file.h"

namespace espalier {

namespace asio = boost::asio;

namespace {

constexpr std::uintmax_t kMostPemBytes = 16U << 10;
constexpr long kClientCertificateLimitBytes = 4096;

extern "C" {
static int has_pinned_fingerprint(X509_STORE_CTX* store, void* pinned) {
  X509* const shown = X509_STORE_CTX_get0_cert(store);
  Digest digest;
  unsigned int length = 0;
  const bool good = shown != nullptr && X509_digest(shown, EVP_sha256(), digest.data(), &length) == 1 &&
                    length == digest.size() && equal_in_constant_time(digest, *static_cast<const Digest*>(pinned));
  X509_STORE_CTX_set_error(store, good ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
  return good ? 1 : 0;
}
}

bool is_other_than_tls(int reason) {
  return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST ||
         reason == SSL_R_PACKET_LENGTH_TOO_LONG || reason == SSL_R_RECORD_LENGTH_MISMATCH;
}

bool is_older_tls(int reason) {
  return reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION;
}

}  // namespace

Tls::Tls(bool is_coordinator)
    : context_(is_coordinator ? asio::ssl::context::tls_server : asio::ssl::context::tls_client),
      is_coordinator_(is_coordinator) {
  SSL_CTX* const native = context_.native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_3_VERSION);
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(native, 0);
  SSL_CTX_set_max_cert_list(native, kClientCertificateLimitBytes);
}

TlsPtr Tls::of_coordinator(const StorePaths& store) {
  const std::string certificate = read_secret_file(store.certificate(), kMostPemBytes, "certificate");
  const std::string key = read_secret_file(store.private_key(), kMostPemBytes, "key");
  const TlsPtr tls(new Tls(true));
  boost::system::error_code error;
  tls->context_.use_certificate(asio::buffer(certificate), asio::ssl::context::pem, error);
  if (!error) tls->context_.use_private_key(asio::buffer(key), asio::ssl::context::pem, error);
  if (error || SSL_CTX_check_private_key(tls->context_.native_handle()) != 1) {
    throw Error(ErrorKind::invalid_input, store.certificate().string() + " and " + store.private_key().string() +
                                              ": are not a certificate and its key; make new ones with: espalier "
                                              "token rotate");
  }
  return tls;
}

TlsPtr Tls::of_peer(const Digest& certificate) {
  const TlsPtr tls(new Tls(false));
  tls->pinned_ = certificate;
  tls->context_.set_verify_mode(asio::ssl::verify_peer);
  SSL_CTX_set_cert_verify_callback(tls->context_.native_handle(), &has_pinned_fingerprint, &tls->pinned_);
  return tls;
}

std::string Tls::explain(const boost::system::error_code& error) const {
  const bool of_tls = error.category() == asio::error::get_ssl_category();
  const int reason = of_tls ? ERR_GET_REASON(static_cast<unsigned long>(error.value())) : 0;
  if (!of_tls) {
    const std::string how = " ended before the TLS handshake did (" + error.message() + ")";
    return is_coordinator_ ? "the connection" + how + ": it may speak plain TCP"
                           : "the connection" + how + ": it may be a coordinator that is busy, or no coordinator";
  }
  if (is_other_than_tls(reason)) {
    return is_coordinator_ ? "it does not speak TLS, and nothing else is understood"
                           : "what listens there does not speak TLS; is its address that of the coordinator, and is "
                             "this token or connection file of today?";
  }
  if (is_older_tls(reason)) return std::string(is_coordinator_ ? "it" : "what listens there") + " has no TLS 1.3";
  if (is_coordinator_ && reason == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE) {
    return "it expects another certificate than this store's: its token or connection file is of before a rotation, "
           "or another store's";
  }
  if (!is_coordinator_ && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    return "what listens there shows another certificate than the one that is expected: it is another coordinator, "
           "one whose token was rotated (write a new one there: espalier token write FILE), or a man in the middle";
  }
  return std::string(is_coordinator_ ? "its" : "the") + " TLS handshake makes no sense: " + error.message();
}

}  // namespace espalier
