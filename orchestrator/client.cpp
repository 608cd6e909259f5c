#include "orchestrator/client.h"

#include <algorithm>
#include <chrono>
#include <exception>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include "base/error.h"
#include "cluster/connect.h"

namespace espalier {

namespace asio = boost::asio;

namespace {

asio::awaitable<void> ask_over(CoordinatorAddress where, Ask question, ConnectionLimits limits, Answer* answer) {
  const ConnectionPtr connection = co_await connect_to_coordinator(where, limits);
  asio::co_spawn(connection->executor(), connection->keep_alive(), asio::detached);
  connection->send(question);
  try {
    while (true) {
      const Message message = co_await connection->receive();
      if (const Answer* said = std::get_if<Answer>(&message)) {
        *answer = *said;
        co_return;
      }
    }
  } catch (const Error&) {
    if (!connection->fell_silent()) throw;
    const std::chrono::duration<double> waited = limits.silence;
    throw Error(
        ErrorKind::unavailable,
        fmt::format("nothing was heard of the coordinator for {} s; it may hang, or be stopped", waited.count()));
  }
}

}  // namespace

std::string ask_coordinator(const CoordinatorSource& coordinator, const std::string& question,
                            const std::string& arguments, std::chrono::milliseconds silence) {
  asio::io_context io;
  std::exception_ptr failure;
  Answer answer;
  ConnectionLimits limits;
  limits.silence = silence;
  limits.beat = std::min(limits.beat, silence / 2);
  asio::co_spawn(io, ask_over(coordinator.look_up(Role::client), Ask{question, arguments}, limits, &answer),
                 [&](std::exception_ptr error) {
                   failure = error;
                   io.stop();
                 });
  io.run();
  if (failure) std::rethrow_exception(failure);
  if (!answer.understood) throw Error(ErrorKind::invalid_input, answer.text);
  return answer.text;
}

}  // namespace espalier
