#include "cluster/connection/connection.h"

#include <optional>
#include <string>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include "base/error.h"
#include "cluster/auth/authentication.h"
#include "cluster/connection/handshake.h"

namespace espalier {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// Two ends of a TCP connection over loopback, in one io_context.
class Connections : public testing::Test {
 protected:
  void SetUp() override {
    tcp::acceptor acceptor(io_, {asio::ip::make_address("127.0.0.1"), 0});
    tcp::socket client(io_), server(io_);
    client.connect(acceptor.local_endpoint());
    acceptor.accept(server);
    coordinator_ = std::make_shared<Connection>(std::move(server));
    raw_ = std::make_shared<tcp::socket>(std::move(client));
  }
  void make_peer() { peer_ = std::make_shared<Connection>(std::move(*raw_)); }
  /// The text of the error that ended the coroutine; none if it ended well.
  void spawn(asio::awaitable<void> coroutine, std::optional<std::string>& result) {
    asio::co_spawn(io_, std::move(coroutine), [&result](std::exception_ptr error) {
      try {
        if (error) std::rethrow_exception(error);
        result = "";
      } catch (const Error& e) {
        result = e.what();
      }
    });
  }
  static asio::awaitable<void> welcome(ConnectionPtr connection, std::string secret) {
    co_await welcome_peer(connection, secret, "pool-1");
  }
  static asio::awaitable<void> introduce(ConnectionPtr connection, std::string secret) {
    co_await introduce_to_coordinator(connection, Role::pool, key_of(secret, Role::pool));
  }
  static asio::awaitable<void> receive(ConnectionPtr connection, Message* message) {
    *message = co_await connection->receive();
  }

  asio::io_context io_;
  ConnectionPtr coordinator_, peer_;
  std::shared_ptr<tcp::socket> raw_;
};

TEST_F(Connections, TheSameSecretOpens) {
  make_peer();
  std::optional<std::string> here, there;
  spawn(welcome(coordinator_, "secret"), here);
  spawn(introduce(peer_, "secret"), there);
  io_.run_for(std::chrono::seconds(5));
  EXPECT_EQ(here, "");
  EXPECT_EQ(there, "");
}

TEST_F(Connections, AnotherSecretIsRefusedAndToldWhy) {
  make_peer();
  std::optional<std::string> here, there;
  spawn(welcome(coordinator_, "secret"), here);
  spawn(introduce(peer_, "guess"), there);
  io_.run_for(std::chrono::seconds(5));
  EXPECT_NE(here.value().find("does not know this store's secret"), std::string::npos);
  EXPECT_NE(there.value().find("does not know this store's secret"), std::string::npos);
  EXPECT_FALSE(coordinator_->is_open());
}

TEST_F(Connections, AStrangerWhoTalksAtOnceIsCutOff) {
  std::optional<std::string> here;
  spawn(welcome(coordinator_, "secret"), here);
  asio::write(*raw_, asio::buffer(std::string("GET / HTTP/1.1\r\n\r\n")));
  io_.run_for(std::chrono::seconds(5));
  EXPECT_NE(here.value().find("above the limit"), std::string::npos);
}

TEST_F(Connections, AnHonestFrameThatIsNoHelloIsRefused) {
  make_peer();
  std::optional<std::string> here;
  spawn(welcome(coordinator_, "secret"), here);
  peer_->send(Leave{});
  io_.run_for(std::chrono::seconds(5));
  EXPECT_NE(here.value().find("did not introduce itself"), std::string::npos);
}

TEST_F(Connections, LargeMessagesArriveWholeAndInOrder) {
  make_peer();
  peer_->trust();
  const std::string large(3 << 20, 'x');
  coordinator_->send(ToRank{1, large});
  coordinator_->send(ToRank{2, "small"});
  for (const auto& [rank, size] : {std::pair{1, large.size()}, std::pair{2, std::size_t{5}}}) {
    Message message;
    std::optional<std::string> end;
    spawn(receive(peer_, &message), end);
    io_.restart();
    while (!end) io_.run_one();
    ASSERT_EQ(end, "");
    EXPECT_EQ(std::get<ToRank>(message).rank, rank);
    EXPECT_EQ(std::get<ToRank>(message).commands.size(), size);
  }
}

TEST_F(Connections, TheOtherSideGoingAwayIsNoticed) {
  std::optional<std::string> end;
  Message message;
  spawn(receive(coordinator_, &message), end);
  raw_->close();
  io_.run_for(std::chrono::seconds(5));
  EXPECT_NE(end.value().find("the connection ended"), std::string::npos);
}

}  // namespace
}  // namespace espalier
