#include "orchestrator/client.h"

#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>

#include "base/error.h"
#include "cluster/authentication.h"
#include "cluster/connection.h"

namespace espalier {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

asio::awaitable<void> ask(ConnectionPtr connection, std::string secret, Message question) {
  co_await introduce_to_coordinator(connection, Role::client, std::move(secret));
  connection->send(question);
  bool agreed = false;
  while (!agreed) {
    const Message answer = co_await connection->receive();
    agreed = std::holds_alternative<Done>(answer);
  }
}

void ask_coordinator(const StorePaths& store, const Message& question) {
  const ConnectionFile where = read_connection_file(store.connection());
  asio::io_context io;
  tcp::socket socket(io);
  try {
    asio::connect(socket, tcp::resolver(io).resolve(where.host, std::to_string(where.port)));
  } catch (const boost::system::system_error& error) {
    throw Error(ErrorKind::unavailable, "no coordinator answers at " + where.host + ":" + std::to_string(where.port) +
                                            " (" + error.code().message() + "); the process " +
                                            std::to_string(where.pid) + " that wrote " + store.connection().string() +
                                            " may be gone");
  }
  std::exception_ptr failure;
  bool answered = false;
  asio::co_spawn(io, ask(std::make_shared<Connection>(std::move(socket)), load_secret(store.secret()), question),
                 [&](std::exception_ptr error) {
                   failure = error;
                   answered = true;
                   io.stop();
                 });
  io.run_for(std::chrono::seconds(10));
  if (failure) std::rethrow_exception(failure);
  if (!answered) throw Error(ErrorKind::unavailable, "the coordinator did not answer within 10 s");
}

}  // namespace

void cancel_sweep(const StorePaths& store) {
  ask_coordinator(store, Cancel{});
}

void drop_pools(const StorePaths& store) {
  ask_coordinator(store, DropPools{});
}

}  // namespace espalier
