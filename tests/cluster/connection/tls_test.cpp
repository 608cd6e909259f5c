// Connections under TLS, over loopback: which peers are accepted, and the errors of each side.
#include "cluster/connection/tls.h"

#include <optional>
#include <string>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>

#include "base/error.h"
#include "cluster/auth/authentication.h"
#include "cluster/connection/certificate.h"
#include "cluster/connection/connection.h"
#include "cluster/connection/handshake.h"
#include "tests/cluster/auth/store_folder.h"

namespace espalier {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;
using testing::HasSubstr;

struct Ends {
  std::string coordinator, peer;  ///< "" where it ended well
};

class TlsConnections : public testing::Test {
 protected:
  TlsConnections() {
    make_certificate(store_.paths());
    coordinators_ = Tls::of_coordinator(store_.paths());
    peers_ = Tls::of_peer(certificate_fingerprint(store_.paths()));
  }

  /// The two ends of a TCP connection: the coordinator's, the other's.
  std::pair<tcp::socket, tcp::socket> connect() {
    tcp::acceptor acceptor(io_, {asio::ip::make_address("127.0.0.1"), 0});
    tcp::socket here(io_), there(io_);
    there.connect(acceptor.local_endpoint());
    acceptor.accept(here);
    return {std::move(here), std::move(there)};
  }
  /// Connections over it; one without Tls speaks plain TCP.
  void connect(const TlsPtr& coordinator, const TlsPtr& peer) {
    auto [here, there] = connect();
    coordinator_ = std::make_shared<Connection>(std::move(here), limits_, coordinator);
    peer_ = std::make_shared<Connection>(std::move(there), limits_, peer);
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
  void run_until(const std::function<bool()>& done) {
    io_.restart();
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done() && std::chrono::steady_clock::now() < limit) io_.run_one_for(milliseconds(100));
  }
  Ends shake_hands(const std::string& coordinators_secret = "secret", const std::string& peers_secret = "secret") {
    std::optional<std::string> here, there;
    spawn(welcome(coordinator_, coordinators_secret), here);
    spawn(introduce(peer_, peers_secret), there);
    run_until([&] { return here && there; });
    return {here.value_or("it did not end"), there.value_or("it did not end")};
  }
  /// The coordinator's end, after an unauthenticated peer has sent these bytes and waits.
  std::string end_after(const std::string& bytes) {
    auto [here, there] = connect();
    coordinator_ = std::make_shared<Connection>(std::move(here), limits_, coordinators_);
    asio::write(there, asio::buffer(bytes));
    std::optional<std::string> end;
    spawn(welcome(coordinator_, "secret"), end);
    run_until([&] { return end.has_value(); });
    return end.value_or("it did not end");
  }

  static asio::awaitable<void> welcome(ConnectionPtr connection, std::string secret) {
    co_await welcome_peer(connection, secret, "pool-1");
  }
  static asio::awaitable<void> introduce(ConnectionPtr connection, std::string secret) {
    co_await introduce_to_coordinator(connection, Role::pool, key_of(secret, Role::pool));
  }
  static asio::awaitable<void> introduce_as(ConnectionPtr connection, Role role, std::string key) {
    co_await introduce_to_coordinator(connection, role, key);
  }
  static asio::awaitable<void> receive(ConnectionPtr connection, Message* message) {
    *message = co_await connection->receive();
  }
  /// Knows the certificate's key, but not the secret: lets the two prove themselves to each other through itself.
  static asio::awaitable<void> pass_on(ConnectionPtr from_peer, ConnectionPtr to_coordinator) {
    co_await from_peer->secure();
    co_await to_coordinator->secure();
    from_peer->send(co_await to_coordinator->receive());
    to_coordinator->send(co_await from_peer->receive());
    from_peer->send(co_await to_coordinator->receive());
  }
  /// A valid Hello, as an eavesdropper would record it.
  static asio::awaitable<void> say_hello(ConnectionPtr connection, Hello* said) {
    co_await connection->secure();
    const Message challenge = co_await connection->receive();
    *said = {kProtocolVersion, Role::pool, std::string(32, 'p'), ""};
    said->proof = prove_peer(key_of("secret", Role::pool), Role::pool, std::get<Challenge>(challenge).nonce,
                             said->nonce, connection->channel_binding());
    connection->send(*said);
    co_await connection->receive();
  }
  static asio::awaitable<void> say_hello_again(ConnectionPtr connection, Hello recorded) {
    co_await connection->secure();
    co_await connection->receive();  // a challenge, which a recording cannot answer
    connection->send(recorded);
    co_await connection->receive();
  }
  /// Copies one direction, and keeps what it saw.
  static asio::awaitable<void> record(tcp::socket* from, tcp::socket* to, std::string* seen) {
    boost::system::error_code error;
    std::string piece(4096, '\0');
    while (true) {
      const std::size_t size =
          co_await from->async_read_some(asio::buffer(piece), asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return;
      seen->append(piece, 0, size);
      co_await asio::async_write(*to, asio::buffer(piece.data(), size),
                                 asio::redirect_error(asio::use_awaitable, error));
    }
  }
  static asio::awaitable<void> drip(tcp::socket* socket, std::string bytes) {
    asio::steady_timer timer(socket->get_executor());
    boost::system::error_code error;
    for (std::size_t i = 0; i < bytes.size() && !error; ++i) {
      co_await asio::async_write(*socket, asio::buffer(&bytes[i], 1), asio::redirect_error(asio::use_awaitable, error));
      timer.expires_after(milliseconds(10));
      co_await timer.async_wait(asio::use_awaitable);
    }
  }

  asio::io_context io_;
  ConnectionLimits limits_;
  StoreFolder store_, other_store_;
  TlsPtr coordinators_, peers_;
  ConnectionPtr coordinator_, peer_;
};

TEST_F(TlsConnections, TheSameSecretAndTheRightCertificateOpen) {
  connect(coordinators_, peers_);
  const Ends ends = shake_hands();
  EXPECT_EQ(ends.coordinator, "");
  EXPECT_EQ(ends.peer, "");
  EXPECT_TRUE(coordinator_->trusted() && peer_->trusted());
}

TEST_F(TlsConnections, TheTwoEndsOfASessionShareABindingThatNoOtherSessionHas) {
  connect(coordinators_, peers_);
  shake_hands();
  const std::string binding = coordinator_->channel_binding();
  EXPECT_EQ(binding.size(), 32U);
  EXPECT_EQ(binding, peer_->channel_binding());
  connect(coordinators_, peers_);
  shake_hands();
  EXPECT_NE(binding, coordinator_->channel_binding());
}

TEST_F(TlsConnections, LargeMessagesArriveWholeAndInOrderBothWays) {
  connect(coordinators_, peers_);
  shake_hands();
  const std::string large(3 << 20, 'x');
  for (const auto& [from, to] : {std::pair{coordinator_, peer_}, std::pair{peer_, coordinator_}}) {
    from->send(ToRank{1, large});
    from->send(ToRank{2, "small"});
  }
  for (const auto& [from, to] : {std::pair{coordinator_, peer_}, std::pair{peer_, coordinator_}}) {
    for (const auto& [rank, size] : {std::pair{1, large.size()}, std::pair{2, std::size_t{5}}}) {
      Message message;
      std::optional<std::string> end;
      spawn(receive(to, &message), end);
      run_until([&] { return end.has_value(); });
      ASSERT_EQ(end, "");
      EXPECT_EQ(std::get<ToRank>(message).rank, rank);
      EXPECT_EQ(std::get<ToRank>(message).commands.size(), size);
    }
  }
}

TEST_F(TlsConnections, AnotherSecretIsRefusedAndToldWhy) {
  connect(coordinators_, peers_);
  const Ends ends = shake_hands("secret", "guess");
  for (const std::string& end : {ends.coordinator, ends.peer}) {
    EXPECT_THAT(end, HasSubstr("does not know this store's secret"));
    EXPECT_THAT(end, HasSubstr("espalier token write"));
  }
}

TEST_F(TlsConnections, AnotherCertificateThanTheOneThatIsPinnedIsRefusedBeforeAWordIsSaid) {
  make_certificate(other_store_.paths());
  connect(Tls::of_coordinator(other_store_.paths()), peers_);
  const Ends ends = shake_hands();
  EXPECT_THAT(ends.coordinator, HasSubstr("it expects another certificate than this store's"));
  EXPECT_THAT(ends.peer, HasSubstr("shows another certificate than the one that is expected"));
  EXPECT_FALSE(peer_->trusted());
}

TEST_F(TlsConnections, SomebodyInBetweenWithTheVeryCertificateIsRefused) {
  connect(coordinators_, peers_);
  const ConnectionPtr coordinator = coordinator_, middles_peer = peer_;
  connect(coordinators_, peers_);
  const ConnectionPtr middles_coordinator = coordinator_;
  coordinator_ = coordinator;  // and peer_ talks to the middle
  std::optional<std::string> middle;
  spawn(pass_on(middles_coordinator, middles_peer), middle);
  const Ends ends = shake_hands();
  EXPECT_THAT(ends.coordinator, HasSubstr("a man in the middle"));
  EXPECT_THAT(ends.peer, HasSubstr("a man in the middle"));
  EXPECT_FALSE(coordinator_->trusted() || peer_->trusted());
}

TEST_F(TlsConnections, SomebodyInBetweenWhoPassesBytesOnSeesNothingAndCannotReplayThem) {
  auto [here, middle_to_coordinator] = connect();
  auto [middle_to_peer, there] = connect();
  coordinator_ = std::make_shared<Connection>(std::move(here), limits_, coordinators_);
  peer_ = std::make_shared<Connection>(std::move(there), limits_, peers_);
  std::string said, answered;
  std::optional<std::string> one_way, other_way;
  spawn(record(&middle_to_peer, &middle_to_coordinator, &said), one_way);
  spawn(record(&middle_to_coordinator, &middle_to_peer, &answered), other_way);
  const Ends ends = shake_hands();
  EXPECT_EQ(ends.coordinator, "");
  peer_->send(ToRank{1, "lenet-300-100"});
  Message message;
  std::optional<std::string> received;
  spawn(receive(coordinator_, &message), received);
  run_until([&] { return received.has_value(); });
  EXPECT_NE(encode(message).find("lenet-300-100"), std::string::npos);
  EXPECT_EQ(said.find("lenet-300-100"), std::string::npos);
  peer_->close();
  coordinator_->close();
  run_until([&] { return one_way && other_way; });
  EXPECT_THAT(end_after(said), HasSubstr("TLS handshake makes no sense"));
  EXPECT_FALSE(coordinator_->trusted());
}

TEST_F(TlsConnections, ARecordedHelloIsWorthNothingInAnotherSession) {
  Hello recorded;
  const auto end_of_one_that_says = [&](const std::function<asio::awaitable<void>()>& say) {
    connect(coordinators_, peers_);
    std::optional<std::string> here, there;
    spawn(welcome(coordinator_, "secret"), here);
    spawn(say(), there);
    run_until([&] { return here && there; });
    return here.value_or("it did not end");
  };
  EXPECT_EQ(end_of_one_that_says([&] { return say_hello(peer_, &recorded); }), "");
  EXPECT_THAT(end_of_one_that_says([&] { return say_hello_again(peer_, recorded); }),
              HasSubstr("does not know this store's secret"));
}

TEST_F(TlsConnections, OneThatSpeaksPlainTcpIsToldSo) {
  limits_.handshake = milliseconds(300);
  connect(coordinators_, nullptr);
  EXPECT_THAT(shake_hands().coordinator, HasSubstr("it may speak plain TCP"));
}

TEST_F(TlsConnections, TheKeyOfOneRoleOpensNoOther) {
  for (const Role role : {Role::pool, Role::client, Role::reader}) {
    for (const Role claimed : {Role::pool, Role::client, Role::reader}) {
      connect(coordinators_, peers_);
      std::optional<std::string> here, there;
      spawn(welcome(coordinator_, "secret"), here);
      spawn(introduce_as(peer_, claimed, key_of("secret", role)), there);
      run_until([&] { return here && there; });
      EXPECT_EQ(here == "", role == claimed) << to_string(role) << " as " << to_string(claimed);
      EXPECT_EQ(coordinator_->trusted(), role == claimed);
    }
  }
}

TEST_F(TlsConnections, GarbageIsRefused) {
  EXPECT_THAT(end_after("GET / HTTP/1.1\r\n\r\n"), HasSubstr("it does not speak TLS"));
  EXPECT_THAT(end_after(std::string(64, '\0')), HasSubstr("it does not speak TLS"));
  EXPECT_THAT(end_after(std::string("\x16\x03\x01\x00\x20", 5) + std::string(32, 'x')),
              HasSubstr("its TLS handshake makes no sense"));
  EXPECT_FALSE(coordinator_->trusted());
}

TEST_F(TlsConnections, OlderTlsIsRefused) {
  auto [here, there] = connect();
  coordinator_ = std::make_shared<Connection>(std::move(here), limits_, coordinators_);
  asio::ssl::context old(asio::ssl::context::tlsv12_client);
  asio::ssl::stream<tcp::socket> stream(std::move(there), old);
  std::optional<std::string> end;
  boost::system::error_code error;
  stream.async_handshake(asio::ssl::stream_base::client, [&](const boost::system::error_code& e) { error = e; });
  spawn(welcome(coordinator_, "secret"), end);
  run_until([&] { return end.has_value() && error; });
  EXPECT_THAT(end.value_or(""), HasSubstr("it has no TLS 1.3"));
  EXPECT_TRUE(error);
}

TEST_F(TlsConnections, AHandshakeWhoseBytesDripIsCutOff) {
  limits_.handshake = milliseconds(300);
  auto [here, there] = connect();
  coordinator_ = std::make_shared<Connection>(std::move(here), limits_, coordinators_);
  std::optional<std::string> end, dripped;
  spawn(drip(&there, std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + std::string(400, 'r')), dripped);
  spawn(welcome(coordinator_, "secret"), end);
  run_until([&] { return end.has_value(); });
  EXPECT_THAT(end.value_or(""), HasSubstr("ended before the TLS handshake did"));
  EXPECT_FALSE(coordinator_->is_open());
  there.close();
  run_until([&] { return dripped.has_value(); });
}

}  // namespace
}  // namespace espalier
