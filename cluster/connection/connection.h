#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "cluster/connection/stream.h"
#include "cluster/protocol/protocol.h"

namespace espalier {

/// What a peer may cost. Smaller ones are for tests.
struct ConnectionLimits {
  std::chrono::milliseconds handshake{10'000};                                      ///< to prove itself
  std::chrono::milliseconds silence{std::chrono::seconds(kHeartbeatLimitSeconds)};  ///< afterwards
  std::chrono::milliseconds beat{std::chrono::seconds(kHeartbeatSeconds)};
  std::size_t queued_bytes = std::size_t{256} << 20;  ///< that wait to be sent
};

/// One authenticated conversation under TLS: frames of a 4-byte little-endian length and that many
/// bytes of CBOR. Shared by its reading coroutine, its pending write and its owner; all on one thread, the
/// io_context's.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// Takes the side of `tls`. Null: plain TCP, for tests of the frames themselves.
  explicit Connection(boost::asio::ip::tcp::socket socket, ConnectionLimits limits = {}, TlsPtr tls = nullptr);

  /// The first thing to do: TLS's handshake. Errors: those of Stream::secure.
  boost::asio::awaitable<void> secure() { return stream_->secure(); }
  /// Stream::channel_binding, once it is secure.
  std::string channel_binding() { return stream_->channel_binding(); }

  /// The next message. Memory follows what has arrived, not what a frame's length claims.
  /// Errors: ErrorKind::corrupt for garbage or a frame above the limit (nothing is allocated for it);
  /// ErrorKind::unavailable when the other side is gone.
  boost::asio::awaitable<Message> receive();

  /// Queues a message; what is queued while a write is under way goes out in one piece after it. A peer that lets more
  /// than limits().queued_bytes pile up is cut off.
  void send(const Message& message);

  /// Ends when the connection is closed; closes it when nothing was heard for limits().silence. Heard is a whole frame,
  /// or another 64 KiB of a long one: a peer that lets its bytes drip is as silent as one that says nothing.
  boost::asio::awaitable<void> keep_alive();

  /// Drops what is queued. Safe to call twice.
  void close();
  /// Closes once everything queued is out.
  void close_after_sending();

  bool is_open() const { return stream_->socket().is_open(); }
  /// It was closed because nothing was heard for too long.
  bool fell_silent() const { return fell_silent_; }
  /// After the handshake: frames up to kFrameLimitBytes are welcome, and those of a handshake no longer.
  void trust() { trusted_ = true; }
  bool trusted() const { return trusted_; }
  std::string remote_address() const;
  const ConnectionLimits& limits() const { return limits_; }
  boost::asio::any_io_executor executor() { return stream_->socket().get_executor(); }

 private:
  boost::asio::awaitable<std::string> receive_body(std::size_t size);
  void write_outbox();

  std::unique_ptr<Stream> stream_;
  ConnectionLimits limits_;
  boost::asio::steady_timer beat_;
  std::chrono::steady_clock::time_point last_heard_;
  bool trusted_ = false;
  std::string outbox_;   ///< waits
  std::string writing_;  ///< is on its way
  bool close_when_sent_ = false;
  bool fell_silent_ = false;
};

using ConnectionPtr = std::shared_ptr<Connection>;

}  // namespace espalier
