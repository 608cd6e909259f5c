#include "orchestrator/client.h"

#include <chrono>
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

asio::awaitable<void> ask(ConnectionPtr connection, std::string secret, Ask question, Answer* answer) {
  co_await introduce_to_coordinator(connection, Role::client, std::move(secret));
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

std::string ask_coordinator(const StorePaths& store, const std::string& question, const std::string& arguments,
                            std::chrono::seconds limit) {
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
  Answer answer;
  asio::co_spawn(io,
                 ask(std::make_shared<Connection>(std::move(socket)), load_secret(store.secret()),
                     Ask{question, arguments}, &answer),
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
