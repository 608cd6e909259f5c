#pragma once

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace espalier {

class Tls;
using TlsPtr = std::shared_ptr<Tls>;

/// Where plain TCP is spoken: 127.0.0.0/8 and ::1. TLS is for everything else.
bool is_loopback(const boost::asio::ip::address& address);

/// The bytes under a connection: plain TCP, or TLS over it. At most one read and one write at a time; the owner lives
/// until both have ended.
class Stream {
 public:
  virtual ~Stream() = default;

  /// Before the first byte: TLS's handshake; nothing for plain TCP. Errors: ErrorKind::unavailable, with a sentence
  /// that says what to mend.
  virtual boost::asio::awaitable<void> secure() = 0;
  /// Fills `into`, unless there is an error.
  virtual boost::asio::awaitable<std::size_t> read(boost::asio::mutable_buffer into,
                                                   boost::system::error_code& error) = 0;
  virtual void write(boost::asio::const_buffer bytes, std::function<void(const boost::system::error_code&)> done) = 0;
  /// 32 bytes that the two ends of one TLS session share and nobody else has (tls-exporter, RFC 9266); "" for plain
  /// TCP.
  virtual std::string channel_binding() = 0;

  virtual boost::asio::ip::tcp::socket& socket() = 0;
};

std::unique_ptr<Stream> plain_stream(boost::asio::ip::tcp::socket socket);
std::unique_ptr<Stream> tls_stream(boost::asio::ip::tcp::socket socket, TlsPtr tls);

}  // namespace espalier
