#include "cluster/connection/stream.h"

#include <string_view>
#include <utility>

#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "base/error.h"
#include "cluster/connection/tls.h"

namespace espalier {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

template <typename Bytes>
class StreamOver : public Stream {
 public:
  asio::awaitable<std::size_t> read(asio::mutable_buffer into, error_code& error) override {
    return asio::async_read(bytes_, into, asio::redirect_error(asio::use_awaitable, error));
  }
  void write(asio::const_buffer bytes, std::function<void(const error_code&)> done) override {
    asio::async_write(bytes_, bytes, [done = std::move(done)](const error_code& error, std::size_t) { done(error); });
  }

 protected:
  template <typename... Arguments>
  explicit StreamOver(Arguments&&... arguments) : bytes_(std::forward<Arguments>(arguments)...) {}

  Bytes bytes_;
};

class PlainStream : public StreamOver<tcp::socket> {
 public:
  explicit PlainStream(tcp::socket socket) : StreamOver(std::move(socket)) {}
  asio::awaitable<void> secure() override { co_return; }
  std::string channel_binding() override { return ""; }
  tcp::socket& socket() override { return bytes_; }
};

class TlsStream : public StreamOver<asio::ssl::stream<tcp::socket>> {
 public:
  TlsStream(tcp::socket socket, const TlsPtr& tls) : StreamOver(std::move(socket), tls->context()), tls_(tls) {}

  asio::awaitable<void> secure() override {
    const auto side = tls_->is_coordinator() ? asio::ssl::stream_base::server : asio::ssl::stream_base::client;
    error_code error;
    co_await bytes_.async_handshake(side, asio::redirect_error(asio::use_awaitable, error));
    if (!error) co_return;
    if (error.category() != asio::error::get_ssl_category()) throw NoHandshake(tls_->explain(error));
    throw Error(ErrorKind::unavailable, tls_->explain(error));
  }
  std::string channel_binding() override {
    constexpr std::string_view kLabel = "EXPORTER-Channel-Binding";
    std::string binding(32, '\0');
    if (SSL_export_keying_material(bytes_.native_handle(), reinterpret_cast<unsigned char*>(binding.data()),
                                   binding.size(), kLabel.data(), kLabel.size(), nullptr, 0, 0) != 1) {
      throw Error(ErrorKind::unavailable, "the TLS session gives no channel binding");
    }
    return binding;
  }
  tcp::socket& socket() override { return bytes_.next_layer(); }

 private:
  TlsPtr tls_;
};

}  // namespace

std::unique_ptr<Stream> plain_stream(tcp::socket socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

std::unique_ptr<Stream> tls_stream(tcp::socket socket, TlsPtr tls) {
  return std::make_unique<TlsStream>(std::move(socket), tls);
}

}  // namespace espalier
