#include "orchestrator/client/client.h"

#include <algorithm>
#include <chrono>
#include <exception>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"
#include "cluster/connection/connect.h"

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
    throw Error(ErrorKind::unavailable,
                fmt::format("the coordinator sent nothing for {} s; it may hang, or be stopped", waited.count()));
  }
}

void refuse_other_encodings(const nlohmann::json& arguments, const std::string& name) {
  if (arguments.is_string()) {
    const auto& text = arguments.get_ref<const std::string&>();
    if (utf8_prefix(text) == text.size()) return;
    throw Error(ErrorKind::invalid_input, fmt::format("{}: \"{}\" is not UTF-8, and a coordinator is asked in nothing "
                                                      "else; rename it, or name a link that leads there",
                                                      name, printable(text)));
  }
  if (!arguments.is_structured()) return;
  for (const auto& [key, value] : arguments.items()) refuse_other_encodings(value, arguments.is_object() ? key : name);
}

}  // namespace

std::string question_arguments(const nlohmann::json& arguments) {
  refuse_other_encodings(arguments, "");
  return arguments.dump();
}

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
