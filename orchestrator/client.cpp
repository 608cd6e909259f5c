#include "orchestrator/client.h"

#include <chrono>
#include <exception>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/error.h"
#include "cluster/connect.h"

namespace espalier {

namespace asio = boost::asio;

namespace {

asio::awaitable<void> ask(CoordinatorAddress where, Message question) {
  const ConnectionPtr connection = co_await connect_to_coordinator(where, Role::client);
  connection->send(question);
  bool agreed = false;
  while (!agreed) {
    const Message answer = co_await connection->receive();
    agreed = std::holds_alternative<Done>(answer);
  }
}

void ask_coordinator(const StorePaths& store, const Message& question) {
  asio::io_context io;
  std::exception_ptr failure;
  bool answered = false;
  asio::co_spawn(io, ask(CoordinatorSource::in_store(store.root).look_up(), question), [&](std::exception_ptr error) {
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
