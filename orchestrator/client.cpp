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

asio::awaitable<void> ask_over(CoordinatorAddress where, Ask question, Answer* answer) {
  const ConnectionPtr connection = co_await connect_to_coordinator(where);
  connection->send(question);
  while (true) {
    const Message message = co_await connection->receive();
    if (const Answer* said = std::get_if<Answer>(&message)) {
      *answer = *said;
      co_return;
    }
  }
}

}  // namespace

std::string ask_coordinator(const CoordinatorSource& coordinator, const std::string& question, const std::string& arguments,
                            std::chrono::seconds limit) {
  asio::io_context io;
  std::exception_ptr failure;
  bool answered = false;
  Answer answer;
  asio::co_spawn(io, ask_over(coordinator.look_up(Role::client), Ask{question, arguments}, &answer),
                 [&](std::exception_ptr error) {
                   failure = error;
                   answered = true;
                   io.stop();
                 });
  io.run_for(limit);
  if (failure) std::rethrow_exception(failure);
  if (!answered) {
    throw Error(ErrorKind::unavailable,
                "the coordinator did not answer within " + std::to_string(limit.count()) + " s; it may be busy");
  }
  if (!answer.understood) throw Error(ErrorKind::invalid_input, answer.text);
  return answer.text;
}

}  // namespace espalier
