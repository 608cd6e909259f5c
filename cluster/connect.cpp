#include "cluster/connect.h"

#include <utility>

#include <boost/asio/connect.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/error.h"
#include "cluster/handshake.h"
#include "cluster/tls.h"

namespace espalier {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kConnectLimit = std::chrono::seconds(10);

asio::awaitable<tcp::socket> reach(CoordinatorAddress where) {
  const auto executor = co_await asio::this_coro::executor;
  const auto socket = std::make_shared<tcp::socket>(executor);  // shared with the timer's handler, which may come late
  asio::steady_timer limit(executor, kConnectLimit);
  limit.async_wait([socket](const boost::system::error_code& cancelled) {
    boost::system::error_code ignored;
    if (!cancelled) socket->close(ignored);
  });
  tcp::resolver resolver(executor);
  boost::system::error_code error;
  const auto addresses = co_await resolver.async_resolve(where.host, std::to_string(where.port),
                                                         asio::redirect_error(asio::use_awaitable, error));
  if (!error) co_await asio::async_connect(*socket, addresses, asio::redirect_error(asio::use_awaitable, error));
  limit.cancel();
  if (!error && !socket->is_open()) error = asio::error::timed_out;
  if (error) {
    throw Error(ErrorKind::unavailable, "no coordinator answers at " + where.place() + ": " + error.message() +
                                            "; it may be gone, if that is what " + where.said_by.string() +
                                            " was written for");
  }
  co_return std::move(*socket);
}

void refuse_plain_beyond_loopback(const CoordinatorAddress& where, const tcp::socket& socket) {
  if (where.certificate || is_loopback(socket.remote_endpoint().address())) return;
  throw Error(ErrorKind::invalid_input,
              where.said_by.string() + ": has no certificate's fingerprint, and " + where.place() +
                  " is another machine, to which nothing is said in plain text; start the coordinator with --host, "
                  "then write a token there: espalier token write FILE");
}

}  // namespace

asio::awaitable<ConnectionPtr> connect_to_coordinator(CoordinatorAddress where, Role role, ConnectionLimits limits) {
  tcp::socket socket = co_await reach(where);
  refuse_plain_beyond_loopback(where, socket);
  TlsPtr tls;
  if (where.certificate) tls = Tls::of_peer(*where.certificate);
  const auto connection = std::make_shared<Connection>(std::move(socket), limits, tls);
  try {
    co_await introduce_to_coordinator(connection, role, where.secret);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unavailable) throw;
    throw NoHandshake(where.place() + ": " + error.what());
  }
  co_return connection;
}

}  // namespace espalier
