#include "cluster/connection/connect.h"

#include <utility>

#include <boost/asio/connect.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/error.h"
#include "cluster/connection/handshake.h"
#include "cluster/connection/tls.h"

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

}  // namespace

asio::awaitable<ConnectionPtr> connect_to_coordinator(CoordinatorAddress where, ConnectionLimits limits) {
  const auto connection = std::make_shared<Connection>(co_await reach(where), limits, Tls::of_peer(where.certificate));
  try {
    co_await introduce_to_coordinator(connection, where.role, where.key);
  } catch (const NoHandshake& error) {
    throw NoHandshake(where.place() + ": " + error.what());
  }
  co_return connection;
}

}  // namespace espalier
