#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "cluster/protocol.h"

namespace espalier {

/// One authenticated conversation over TCP: frames of a 4-byte little-endian length and that many bytes of CBOR.
/// Shared by its reading coroutine, its pending write and its owner; all on one thread, the io_context's.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(boost::asio::ip::tcp::socket socket);

  /// The next message. Errors: ErrorKind::corrupt for garbage or a frame above the limit (nothing is allocated for it);
  /// ErrorKind::unavailable when the other side is gone.
  boost::asio::awaitable<Message> receive();

  /// Queues a message; what is queued while a write is under way goes out in one piece after it. A peer that lets 256
  /// MiB pile up is cut off.
  void send(const Message& message);

  /// Ends when the connection is closed; closes it when nothing was heard for kHeartbeatLimitSeconds.
  boost::asio::awaitable<void> keep_alive();

  /// Drops what is queued. Safe to call twice.
  void close();
  /// Closes once everything queued is out.
  void close_after_sending();

  bool is_open() const { return socket_.is_open(); }
  /// It was closed because nothing was heard for too long.
  bool fell_silent() const { return fell_silent_; }
  /// After the handshake, frames up to kFrameLimitBytes are welcome.
  void trust() { frame_limit_ = kFrameLimitBytes; }
  std::string remote_address() const;
  boost::asio::any_io_executor executor() { return socket_.get_executor(); }

 private:
  void write_outbox();

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer beat_;
  std::chrono::steady_clock::time_point last_heard_;
  std::uint32_t frame_limit_ = kStrangerFrameLimitBytes;
  std::string outbox_;   ///< waits
  std::string writing_;  ///< is on its way
  bool close_when_sent_ = false;
  bool fell_silent_ = false;
};

using ConnectionPtr = std::shared_ptr<Connection>;

/// The coordinator's side. Returns what the peer is; has sent Welcome. A stranger gets Refused and is closed.
/// Errors: ErrorKind::unavailable, with a line for the log, if the peer is refused, silent for 10 s, or gone.
boost::asio::awaitable<Role> welcome_peer(ConnectionPtr connection, std::string secret, std::string name);

/// The other side: proves the secret and checks that the coordinator knows it too. Returns the name we were given.
/// Errors: ErrorKind::invalid_input if the coordinator refuses us, saying which side to mend; ErrorKind::unavailable if
/// what listens there is not the coordinator, or goes away.
boost::asio::awaitable<std::string> introduce_to_coordinator(ConnectionPtr connection, Role role, std::string secret);

}  // namespace espalier
