#include "tests/orchestrator/fetch/https_server.h"

#include <memory>
#include <stdexcept>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/files.h"

namespace espalier {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

std::string pem_text(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return {data, static_cast<std::size_t>(size)};
}

/// A new key in `context`, and its self-signed certificate for 127.0.0.1, whose PEM is returned.
std::string use_new_certificate(asio::ssl::context& context) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), &X509_free);
  X509* const x509 = certificate.get();
  X509_set_version(x509, X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), 1);
  ASN1_TIME_set_string_X509(X509_getm_notBefore(x509), "20000101000000Z");
  ASN1_TIME_set_string_X509(X509_getm_notAfter(x509), "99991231235959Z");
  X509_set_pubkey(x509, key.get());
  X509_NAME* const name = X509_get_subject_name(x509);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(x509, name);
  X509_EXTENSION* const of_address = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
  X509_add_ext(x509, of_address, -1);
  X509_EXTENSION_free(of_address);
  if (X509_sign(x509, key.get(), EVP_sha256()) <= 0) throw std::runtime_error("no certificate");
  const std::unique_ptr<BIO, decltype(&BIO_free)> key_text(BIO_new(BIO_s_mem()), &BIO_free);
  const std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new(BIO_s_mem()), &BIO_free);
  PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  PEM_write_bio_X509(text.get(), x509);
  context.use_certificate(asio::buffer(pem_text(text.get())), asio::ssl::context::pem);
  context.use_private_key(asio::buffer(pem_text(key_text.get())), asio::ssl::context::pem);
  return pem_text(text.get());
}

std::filesystem::path new_ca_file() {
  static std::atomic<int> count = 0;
  return std::filesystem::temp_directory_path() /
         ("espalier_ca_" + std::to_string(::getpid()) + "_" + std::to_string(count++) + ".pem");
}

HttpReply reply(const std::string& status, const std::string& headers, std::string_view body) {
  return {"HTTP/1.1 " + status + "\r\nConnection: close\r\n" + headers + "\r\n" + std::string(body), body.size(),
          false};
}

std::string content_length(std::size_t bytes) {
  return "Content-Length: " + std::to_string(bytes) + "\r\n";
}

}  // namespace

HttpReply whole_file(std::string_view file) {
  return reply("200 OK", content_length(file.size()), file);
}

HttpReply part_of_file(std::string_view file, const HttpRequest& request) {
  if (request.range.empty()) return whole_file(file);
  const std::size_t begin = std::stoul(request.range.substr(std::string("bytes=").size()));
  const std::string_view part = file.substr(begin);
  return reply("206 Partial Content",
               content_length(part.size()) + "Content-Range: bytes " + std::to_string(begin) + "-" +
                   std::to_string(file.size() - 1) + "/" + std::to_string(file.size()) + "\r\n",
               part);
}

HttpReply broken_off(HttpReply whole, std::uint64_t missing) {
  whole.bytes.resize(whole.bytes.size() - missing);
  whole.body_bytes -= missing;
  return whole;
}

HttpReply redirect_to(const std::string& url) {
  return reply("302 Found", content_length(0) + "Location: " + url + "\r\n", "");
}

HttpsServer::HttpsServer(Answer answer)
    : answer_(std::move(answer)),
      ca_file_(new_ca_file()),
      tls_(asio::ssl::context::tls_server),
      acceptor_(io_, {asio::ip::make_address("127.0.0.1"), 0}) {
  write_file_atomically(ca_file_, use_new_certificate(tls_));
  thread_ = std::thread([this] { serve(); });
}

HttpsServer::~HttpsServer() {
  stopped_ = true;
  boost::system::error_code ignored;
  tcp::socket(io_).connect(acceptor_.local_endpoint(), ignored);  // which ends the wait for one
  thread_.join();
  std::filesystem::remove(ca_file_);
}

std::string HttpsServer::url() const {
  return "https://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/";
}

std::vector<HttpRequest> HttpsServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void HttpsServer::serve() {
  while (!stopped_) {
    boost::system::error_code error;
    tcp::socket socket = acceptor_.accept(error);
    if (!error && !stopped_) answer_one(std::move(socket));
  }
}

void HttpsServer::answer_one(tcp::socket socket) {
  asio::ssl::stream<tcp::socket> stream(std::move(socket), tls_);
  boost::system::error_code error;
  stream.handshake(asio::ssl::stream_base::server, error);
  boost::beast::flat_buffer buffer;
  http::request<http::empty_body> message;
  if (!error) http::read(stream, buffer, message, error);
  if (error) return;
  const HttpRequest request{std::string(message.target()), std::string(message[http::field::range])};
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }
  const HttpReply reply = answer_(request);
  body_bytes_ += reply.body_bytes;
  asio::write(stream, asio::buffer(reply.bytes), error);
  char byte = 0;
  if (reply.hangs && !error) stream.read_some(asio::buffer(&byte, 1), error);
  stream.shutdown(error);
}

}  // namespace espalier
