#include "cluster/connection/connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/error.h"

namespace espalier {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kPieceBytes = 64U << 10;

bool is_of_handshake(const Message& message) {
  return std::holds_alternative<Challenge>(message) || std::holds_alternative<Hello>(message) ||
         std::holds_alternative<Welcome>(message);
}

}  // namespace

Connection::Connection(asio::ip::tcp::socket socket, ConnectionLimits limits, TlsPtr tls)
    : stream_(tls ? tls_stream(std::move(socket), tls) : plain_stream(std::move(socket))),
      limits_(limits),
      beat_(stream_->socket().get_executor()),
      last_received_(std::chrono::steady_clock::now()) {
  boost::system::error_code ignored;
  stream_->socket().set_option(asio::ip::tcp::no_delay(true), ignored);
}

asio::awaitable<Message> Connection::receive() {
  boost::system::error_code error;
  std::array<unsigned char, 4> head{};
  co_await stream_->read(asio::buffer(head), error);
  if (error) throw Error(ErrorKind::unavailable, "the connection ended: " + error.message());
  const std::uint32_t size = static_cast<std::uint32_t>(head[0]) | static_cast<std::uint32_t>(head[1]) << 8 |
                             static_cast<std::uint32_t>(head[2]) << 16 | static_cast<std::uint32_t>(head[3]) << 24;
  const std::uint32_t limit = trusted_ ? kFrameLimitBytes : kUnprovenFrameLimitBytes;
  if (size > limit) {
    throw Error(ErrorKind::corrupt,
                "a frame of " + std::to_string(size) + " bytes is above the limit of " + std::to_string(limit));
  }
  const std::string body = co_await receive_body(size);
  last_received_ = std::chrono::steady_clock::now();
  Message message = trusted_ ? decode_message(body) : decode_handshake(body);
  if (trusted_ && is_of_handshake(message)) throw Error(ErrorKind::corrupt, "it begins its handshake again");
  co_return message;
}

asio::awaitable<std::string> Connection::receive_body(std::size_t size) {
  std::string body;
  while (body.size() < size) {
    const std::size_t before = body.size();
    body.resize(std::min(size, before + kPieceBytes));
    boost::system::error_code error;
    co_await stream_->read(asio::buffer(body.data() + before, body.size() - before), error);
    if (error) throw Error(ErrorKind::unavailable, "the connection ended within a frame: " + error.message());
    if (body.size() < size) last_received_ = std::chrono::steady_clock::now();
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
  stream_->write(asio::buffer(writing_), [self = shared_from_this()](const boost::system::error_code& error) {
    self->writing_ = {};  // frees a burst's memory
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
    // After a stop (Ctrl-Z, a suspended laptop) the silence was ours: received messages are still to be read.
    if (std::chrono::steady_clock::now() - planned > limits_.beat) {
      last_received_ = std::chrono::steady_clock::now();
    }
    if (std::chrono::steady_clock::now() - last_received_ > limits_.silence) {
      fell_silent_ = true;
      close();
      co_return;
    }
    send(Heartbeat{});
  }
}

void Connection::close() {
  boost::system::error_code ignored;
  stream_->socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  stream_->socket().close(ignored);
  beat_.cancel();
  outbox_ = {};
}

void Connection::close_after_sending() {
  close_when_sent_ = true;
  if (writing_.empty()) close();
}

std::string Connection::remote_address() const {
  boost::system::error_code error;
  const auto endpoint = stream_->socket().remote_endpoint(error);
  return error ? "a closed connection" : endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
}

}  // namespace espalier
