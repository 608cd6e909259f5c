#pragma once

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/error.h"

namespace espalier {

/// Thrown if the peer accepts but does not answer, or disconnects before it does: it may be busy.
class NoHandshake : public Error {
 public:
  explicit NoHandshake(const std::string& message) : Error(ErrorKind::unavailable, message) {}
};

class Tls;
using TlsPtr = std::shared_ptr<Tls>;

/// The bytes under a connection: TLS over TCP, or, in tests, TCP alone. At most one read and one write at a time; the
/// owner lives until both have ended.
class Stream {
 public:
  virtual ~Stream() = default;

  /// Call it before the first byte: TLS's handshake; nothing for plain TCP. Errors: ErrorKind::unavailable, with what
  /// to fix; NoHandshake if the connection ended first.
  virtual boost::asio::awaitable<void> secure() = 0;
  /// Fills `into`, unless there is an error.
  virtual boost::asio::awaitable<std::size_t> read(boost::asio::mutable_buffer into,
                                                   boost::system::error_code& error) = 0;
  virtual void write(boost::asio::const_buffer bytes, std::function<void(const boost::system::error_code&)> done) = 0;
  /// 32 bytes that only the two ends of one TLS session share (tls-exporter, RFC 9266); "" for plain TCP.
  virtual std::string channel_binding() = 0;

  virtual boost::asio::ip::tcp::socket& socket() = 0;
};

std::unique_ptr<Stream> plain_stream(boost::asio::ip::tcp::socket socket);
std::unique_ptr<Stream> tls_stream(boost::asio::ip::tcp::socket socket, TlsPtr tls);

}  // namespace espalier
