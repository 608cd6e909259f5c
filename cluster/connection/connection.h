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

/// Timeouts and memory limits of a peer. Smaller ones are for tests.
struct ConnectionLimits {
  std::chrono::milliseconds handshake{10'000};                                      ///< timeout of the proof
  std::chrono::milliseconds silence{std::chrono::seconds(kHeartbeatLimitSeconds)};  ///< heartbeat timeout afterwards
  std::chrono::milliseconds beat{std::chrono::seconds(kHeartbeatSeconds)};
  std::size_t queued_bytes = std::size_t{256} << 20;  ///< of the send queue
};

/// One authenticated connection under TLS: frames of a 4-byte little-endian length and that many bytes of CBOR. Shared
/// by its reading coroutine, its pending write and its owner; all on one thread, the io_context's.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// Takes the side of `tls`. Null: plain TCP, for tests of the frames themselves.
  explicit Connection(boost::asio::ip::tcp::socket socket, ConnectionLimits limits = {}, TlsPtr tls = nullptr);

  /// Call it first: TLS's handshake. Errors: those of Stream::secure.
  boost::asio::awaitable<void> secure() { return stream_->secure(); }
  /// Stream::channel_binding, once it is secure.
  std::string channel_binding() { return stream_->channel_binding(); }

  /// The next message. Memory grows with the received bytes, not with the length that a frame claims.
  /// Errors: ErrorKind::corrupt for garbage or a frame above the limit (nothing is allocated for it);
  /// ErrorKind::unavailable when the peer has disconnected.
  boost::asio::awaitable<Message> receive();

  /// Queues a message; messages queued during a write are sent in one piece after it. Closes the connection if more
  /// than limits().queued_bytes are queued.
  void send(const Message& message);

  /// Ends when the connection is closed; closes it when nothing was received for limits().silence. Only a whole frame,
  /// or another 64 KiB of a long one, counts: a peer that sends single bytes times out too.
  boost::asio::awaitable<void> keep_alive();

  /// Drops what is queued. Safe to call twice.
  void close();
  /// Closes once the queue is sent.
  void close_after_sending();

  bool is_open() const { return stream_->socket().is_open(); }
  /// It was closed by the heartbeat timeout.
  bool fell_silent() const { return fell_silent_; }
  /// After the handshake: accepts frames up to kFrameLimitBytes, and no messages of a handshake.
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
  std::chrono::steady_clock::time_point last_received_;
  bool trusted_ = false;
  std::string outbox_;   ///< queued
  std::string writing_;  ///< being sent
  bool close_when_sent_ = false;
  bool fell_silent_ = false;
};

using ConnectionPtr = std::shared_ptr<Connection>;

}  // namespace espalier
