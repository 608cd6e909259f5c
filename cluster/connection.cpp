#include "cluster/connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "base/error.h"
#include "base/sha256.h"
#include "cluster/authentication.h"

namespace espalier {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kNonceBytes = 32;
constexpr std::size_t kPieceBytes = 64U << 10;

/// A stranger who stays silent costs one timer, for a while.
class HandshakeDeadline {
 public:
  explicit HandshakeDeadline(const ConnectionPtr& connection)
      : timer_(connection->executor(), connection->limits().handshake) {
    timer_.async_wait([weak = std::weak_ptr<Connection>(connection)](const boost::system::error_code& error) {
      const ConnectionPtr alive = weak.lock();
      if (!error && alive) alive->close();
    });
  }

 private:
  asio::steady_timer timer_;
};

bool is_of_handshake(const Message& message) {
  return std::holds_alternative<Challenge>(message) || std::holds_alternative<Hello>(message) ||
         std::holds_alternative<Welcome>(message);
}

}  // namespace

Connection::Connection(asio::ip::tcp::socket socket, ConnectionLimits limits)
    : socket_(std::move(socket)),
      limits_(limits),
      beat_(socket_.get_executor()),
      last_heard_(std::chrono::steady_clock::now()) {
  boost::system::error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

asio::awaitable<Message> Connection::receive() {
  boost::system::error_code error;
  std::array<unsigned char, 4> head{};
  co_await asio::async_read(socket_, asio::buffer(head), asio::redirect_error(asio::use_awaitable, error));
  if (error) throw Error(ErrorKind::unavailable, "the connection ended: " + error.message());
  const std::uint32_t size = static_cast<std::uint32_t>(head[0]) | static_cast<std::uint32_t>(head[1]) << 8 |
                             static_cast<std::uint32_t>(head[2]) << 16 | static_cast<std::uint32_t>(head[3]) << 24;
  const std::uint32_t limit = trusted_ ? kFrameLimitBytes : kStrangerFrameLimitBytes;
  if (size > limit) {
    throw Error(ErrorKind::corrupt,
                "a frame of " + std::to_string(size) + " bytes is above the limit of " + std::to_string(limit));
  }
  const std::string body = co_await receive_body(size);
  last_heard_ = std::chrono::steady_clock::now();
  Message message = decode_message(body);
  if (trusted_ && is_of_handshake(message)) throw Error(ErrorKind::corrupt, "it begins its handshake again");
  co_return message;
}

asio::awaitable<std::string> Connection::receive_body(std::size_t size) {
  std::string body;
  while (body.size() < size) {
    const std::size_t before = body.size();
    body.resize(std::min(size, before + kPieceBytes));
    boost::system::error_code error;
    co_await asio::async_read(socket_, asio::buffer(body.data() + before, body.size() - before),
                              asio::redirect_error(asio::use_awaitable, error));
    if (error) throw Error(ErrorKind::unavailable, "the connection ended within a frame: " + error.message());
    if (body.size() < size) last_heard_ = std::chrono::steady_clock::now();
  }
  co_return body;
}

void Connection::send(const Message& message) {
  if (!is_open()) return;
  const std::string body = encode(message);
  if (body.size() > kFrameLimitBytes) throw Error(ErrorKind::internal, "a message is larger than a frame may be");
  if (writing_.size() + outbox_.size() + body.size() > limits_.queued_bytes) {
    close();
    return;
  }
  const auto size = static_cast<std::uint32_t>(body.size());
  for (int shift = 0; shift < 32; shift += 8) outbox_.push_back(static_cast<char>(size >> shift & 255));
  outbox_ += body;
  if (writing_.empty()) write_outbox();
}

void Connection::write_outbox() {
  writing_.swap(outbox_);
  asio::async_write(socket_, asio::buffer(writing_),
                    [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                      self->writing_ = {};  // a burst's memory goes with it
                      if (error) return self->close();
                      if (!self->outbox_.empty()) return self->write_outbox();
                      if (self->close_when_sent_) self->close();
                    });
}

asio::awaitable<void> Connection::keep_alive() {
  const ConnectionPtr self = shared_from_this();
  boost::system::error_code cancelled;
  while (is_open()) {
    const auto planned = std::chrono::steady_clock::now() + limits_.beat;
    beat_.expires_at(planned);
    co_await beat_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    if (!is_open()) co_return;
    // After a stop (Ctrl-Z, a suspended laptop) it is we who were silent: what the other side said is still to be read.
    if (std::chrono::steady_clock::now() - planned > limits_.beat) {
      last_heard_ = std::chrono::steady_clock::now();
    }
    if (std::chrono::steady_clock::now() - last_heard_ > limits_.silence) {
      fell_silent_ = true;
      close();
      co_return;
    }
    send(Heartbeat{});
  }
}

void Connection::close() {
  boost::system::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
  beat_.cancel();
  outbox_ = {};
}

void Connection::close_after_sending() {
  close_when_sent_ = true;
  if (writing_.empty()) close();
}

std::string Connection::remote_address() const {
  boost::system::error_code error;
  const auto endpoint = socket_.remote_endpoint(error);
  return error ? "a closed connection" : endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
}

asio::awaitable<Role> welcome_peer(ConnectionPtr connection, std::string secret, std::string name) {
  const HandshakeDeadline deadline(connection);
  const Challenge challenge{kProtocolVersion, random_bytes(kNonceBytes)};
  connection->send(challenge);
  const Message answer = co_await connection->receive();
  const Hello* hello = std::get_if<Hello>(&answer);
  std::string refusal;
  if (hello == nullptr) {
    refusal = "it did not introduce itself";
  } else if (hello->version != kProtocolVersion) {
    refusal = "it speaks version " + std::to_string(hello->version) + " of the protocol, the coordinator version " +
              std::to_string(kProtocolVersion) + "; update the older of the two";
  } else if (!proof_holds(prove_peer(secret, hello->role, challenge.nonce, hello->nonce), hello->proof)) {
    refusal = "it does not know this store's secret";
  }
  if (!refusal.empty()) {
    connection->send(Refused{refusal});
    connection->close_after_sending();
    throw Error(ErrorKind::unavailable, "refused a connection: " + refusal);
  }
  connection->trust();
  connection->send(Welcome{prove_coordinator(secret, challenge.nonce, hello->nonce), name});
  co_return hello->role;
}

asio::awaitable<std::string> introduce_to_coordinator(ConnectionPtr connection, Role role, std::string secret) {
  const HandshakeDeadline deadline(connection);
  const Message first = co_await connection->receive();
  const Challenge* challenge = std::get_if<Challenge>(&first);
  if (challenge == nullptr) throw Error(ErrorKind::unavailable, "what listens there is not a coordinator");
  Hello hello{kProtocolVersion, role, random_bytes(kNonceBytes), ""};
  hello.proof = prove_peer(secret, role, challenge->nonce, hello.nonce);
  connection->send(hello);
  const Message second = co_await connection->receive();
  if (const Refused* refused = std::get_if<Refused>(&second)) {
    throw Error(ErrorKind::invalid_input, "the coordinator refused this process: " + refused->why);
  }
  const Welcome* welcome = std::get_if<Welcome>(&second);
  if (welcome == nullptr || !proof_holds(prove_coordinator(secret, challenge->nonce, hello.nonce), welcome->proof)) {
    throw Error(ErrorKind::unavailable, "what listens there does not know this store's secret");
  }
  connection->trust();
  co_return welcome->name;
}

}  // namespace espalier
