// A peer that is broken, slow or hostile loses only its own connection.

#include <malloc.h>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>

#include "base/error.h"
#include "cluster/auth/authentication.h"
#include "cluster/connection/connection.h"
#include "cluster/connection/handshake.h"
#include "cluster/connection/unproven_limit.h"

namespace espalier {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr const char* kStoreSecret = "secret";

/// A frame as it lies on the wire, of a length that is claimed.
std::string frame(const std::string& body, std::uint32_t claimed) {
  std::string bytes;
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(claimed >> shift & 255);
  return bytes + body;
}
std::string frame(const std::string& body) {
  return frame(body, static_cast<std::uint32_t>(body.size()));
}

/// Our end of a connection whose other end is a bare socket, and beside it, in the same io_context, two that talk as
/// they should. Limits are a fiftieth of the real ones.
class HostilePeer : public testing::Test {
 protected:
  void SetUp() override {
    limits_ = {milliseconds(200), milliseconds(400), milliseconds(40), std::size_t{1} << 20};
    std::tie(here_, raw_) = connect();
    auto [ours, theirs] = connect();
    neighbor_ = ours;
    neighbors_peer_ = std::make_shared<Connection>(std::move(*theirs), limits_);
    neighbor_->trust();
    neighbors_peer_->trust();
  }
  /// Whatever the test did to the one connection, the other goes on, and nothing blocks.
  void TearDown() override {
    neighbors_peer_->send(Recorded{4711});
    Message message;
    EXPECT_EQ(run(receive(neighbor_, &message)), "");
    EXPECT_EQ(std::get<Recorded>(message).sequence, 4711U);
    EXPECT_TRUE(neighbors_peer_->is_open());
  }

  std::pair<ConnectionPtr, std::shared_ptr<tcp::socket>> connect() {
    tcp::acceptor acceptor(io_, {asio::ip::make_address("127.0.0.1"), 0});
    tcp::socket server(io_);
    auto client = std::make_shared<tcp::socket>(io_);
    client->connect(acceptor.local_endpoint());
    acceptor.accept(server);
    return {std::make_shared<Connection>(std::move(server), limits_), client};
  }

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
  /// How the coroutine ended: "" if well. Fails the test if it does not end within five seconds.
  std::string run(asio::awaitable<void> coroutine) {
    std::optional<std::string> end;
    spawn(std::move(coroutine), end);
    io_.restart();
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!end && std::chrono::steady_clock::now() < until) io_.run_one_for(milliseconds(100));
    return end.value_or("it did not end");
  }

  static asio::awaitable<void> welcome(ConnectionPtr connection) {
    co_await welcome_peer(connection, kStoreSecret, "pool-1");
  }
  static asio::awaitable<void> receive(ConnectionPtr connection, Message* message) {
    *message = co_await connection->receive();
  }
  static asio::awaitable<void> keep_alive(ConnectionPtr connection) { co_await connection->keep_alive(); }
  /// A byte every 10 ms, until the peer closes.
  static asio::awaitable<void> drip(std::shared_ptr<tcp::socket> socket, std::string bytes) {
    asio::steady_timer timer(socket->get_executor());
    boost::system::error_code error;
    for (std::size_t i = 0; i < bytes.size() && !error; ++i) {
      co_await asio::async_write(*socket, asio::buffer(&bytes[i], 1), asio::redirect_error(asio::use_awaitable, error));
      timer.expires_after(milliseconds(10));
      co_await timer.async_wait(asio::use_awaitable);
    }
  }

  std::string receive_after(const std::string& bytes) {
    asio::write(*raw_, asio::buffer(bytes));
    Message message;
    return run(receive(here_, &message));
  }

  asio::io_context io_;
  ConnectionLimits limits_;
  ConnectionPtr here_, neighbor_, neighbors_peer_;
  std::shared_ptr<tcp::socket> raw_;
  std::optional<std::string> dripped_;  ///< outlives the test, whose end it may
};

TEST_F(HostilePeer, GarbageIsNoMessage) {
  EXPECT_THAT(receive_after(frame("garbage")), HasSubstr("a message from the network is damaged"));
}

TEST_F(HostilePeer, AnEmptyFrameIsNoMessage) {
  EXPECT_THAT(receive_after(frame("")), HasSubstr("a message from the network is damaged"));
}

TEST_F(HostilePeer, AFrameThatBreaksOffIsToldFromOneThatNeverCame) {
  asio::write(*raw_, asio::buffer(frame(encode(Message{Heartbeat{}}), 100)));
  raw_->close();
  Message message;
  EXPECT_THAT(run(receive(here_, &message)), HasSubstr("ended within a frame"));
}

TEST_F(HostilePeer, ALengthAboveTheLimitIsRefusedUnread) {
  EXPECT_THAT(receive_after(frame("", 4097)), HasSubstr("4097 bytes is above the limit of 4096"));
}

TEST_F(HostilePeer, TrustHasALimitToo) {
  here_->trust();
  EXPECT_THAT(receive_after(frame("", (16U << 20) + 1)), HasSubstr("above the limit of 16777216"));
}

TEST_F(HostilePeer, AStrangerWhoSaysNothingIsCutOff) {
  EXPECT_THAT(run(welcome(here_)), HasSubstr("the connection ended"));
  EXPECT_FALSE(here_->is_open());
}

TEST_F(HostilePeer, AStrangerWhoseFrameNeverEndsIsCutOff) {
  spawn(drip(raw_, frame(std::string(4000, 'x'))), dripped_);
  EXPECT_THAT(run(welcome(here_)), HasSubstr("the connection ended within a frame"));
  EXPECT_FALSE(here_->is_open());
  raw_->close();
}

TEST_F(HostilePeer, APeerWhoseFrameNeverEndsIsAsSilentAsOneThatSaysNothing) {
  here_->trust();
  spawn(drip(raw_, frame(std::string(4000, 'x'), 16U << 20)), dripped_);
  Message message;
  std::optional<std::string> received;
  spawn(receive(here_, &message), received);
  EXPECT_EQ(run(keep_alive(here_)), "");
  EXPECT_FALSE(here_->is_open());
  io_.run_for(milliseconds(50));
  EXPECT_THAT(received.value_or(""), HasSubstr("the connection ended within a frame"));
  raw_->close();
}

TEST_F(HostilePeer, ALongFrameOverASlowLineIsNotSilence) {
  here_->trust();
  asio::write(*raw_, asio::buffer(frame("", 10U << 20)));
  Message message;
  std::optional<std::string> received, beat;
  spawn(receive(here_, &message), received);
  spawn(keep_alive(here_), beat);
  const std::string piece(64U << 10, 'x');
  for (int i = 0; i < 16; ++i) {  // a second, of which silence may last less than half
    asio::write(*raw_, asio::buffer(piece));
    io_.run_for(milliseconds(60));
  }
  EXPECT_TRUE(here_->is_open());
  EXPECT_FALSE(received.has_value());
  here_->close();
  io_.run_for(milliseconds(50));
}

TEST_F(HostilePeer, AClaimOfSixteenMegabytesHoldsNone) {
  here_->trust();
  asio::write(*raw_, asio::buffer(frame("", 16U << 20)));
  const auto held = [] {
    const struct mallinfo2 memory = ::mallinfo2();
    return memory.uordblks + memory.hblkhd;
  };
  const std::size_t before = held();
  Message message;
  std::optional<std::string> received;
  spawn(receive(here_, &message), received);
  io_.run_for(milliseconds(100));
  EXPECT_LT(held(), before + (1U << 20));
  here_->close();
  io_.run_for(milliseconds(50));
  EXPECT_TRUE(received.has_value());
}

TEST_F(HostilePeer, APeerThatNeverReadsIsCutOffBeforeItFillsOurMemory) {
  here_->trust();
  const std::string piece(256U << 10, 'x');
  std::size_t sent = 0;
  for (; here_->is_open() && sent < 1000; ++sent) {
    here_->send(ToRank{0, piece});
    io_.restart();
    io_.run_for(milliseconds(1));
  }
  EXPECT_LT(sent, 200U);  // the kernel's buffers, and four in ours
  EXPECT_FALSE(here_->is_open());
}

TEST_F(HostilePeer, ARecordedHelloIsWorthNothingInAnotherConversation) {
  Hello recorded{kProtocolVersion, Role::pool, std::string(32, 'p'), ""};
  recorded.proof = prove_peer(key_of(kStoreSecret, Role::pool), Role::pool, std::string(32, 'c'), recorded.nonce, "");
  asio::write(*raw_, asio::buffer(frame(encode(Message{recorded}))));
  EXPECT_THAT(run(welcome(here_)), HasSubstr("does not know this store's secret"));
  EXPECT_FALSE(here_->trusted());
}

TEST_F(HostilePeer, AHandshakeIsNotBegunTwice) {
  here_->trust();
  EXPECT_THAT(receive_after(frame(encode(Message{Hello{}}))), HasSubstr("begins its handshake again"));
}

TEST_F(HostilePeer, OfManyStrangersTheOldestGoes) {
  UnprovenLimit limit(3);
  limit.add(neighbor_);  // proved itself: it does not count
  limit.add(here_);
  std::vector<std::pair<ConnectionPtr, std::shared_ptr<tcp::socket>>> more;
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(here_->is_open(), i < 3) << i;
    more.push_back(connect());
    limit.add(more.back().first);
  }
  EXPECT_FALSE(more[0].first->is_open());
  more[1].first->close();  // went by itself, and makes room
  more.push_back(connect());
  limit.add(more.back().first);
  EXPECT_TRUE(more[2].first->is_open());
  EXPECT_TRUE(more[3].first->is_open());
}

}  // namespace
}  // namespace espalier
