#include "cluster/connection/handshake.h"

#include <utility>

#include <boost/asio/steady_timer.hpp>

#include "base/error.h"
#include "base/sha256.h"
#include "cluster/auth/authentication.h"

namespace espalier {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kNonceBytes = 32;

/// A silent peer costs one timer until the timeout.
class HandshakeDeadline {
 public:
  explicit HandshakeDeadline(const ConnectionPtr& connection)
      : timer_(connection->executor(), connection->limits().handshake) {
    timer_.async_wait([weak = std::weak_ptr<Connection>(connection)](const boost::system::error_code& error) {
      const ConnectionPtr alive = weak.lock();
      if (!error && alive) alive->close();
    });
  }

 private:
  asio::steady_timer timer_;
};

/// What its Hello lacks; "" if nothing.
std::string find_hello_fault(const Hello* hello, const Challenge& challenge, const std::string& secret,
                             const std::string& binding) {
  if (hello == nullptr || hello->nonce.size() != kNonceBytes) return "it did not introduce itself";
  if (hello->version != kProtocolVersion) {
    return "it speaks version " + std::to_string(hello->version) + " of the protocol, the coordinator version " +
           std::to_string(kProtocolVersion) + "; update " +
           (hello->version < kProtocolVersion ? "its program" : "the coordinator's espalier");
  }
  if (proof_holds(prove_peer(key_of(secret, hello->role), hello->role, challenge.nonce, hello->nonce, binding),
                  hello->proof)) {
    return "";
  }
  return "it does not know this store's secret, or the key of its role (" + std::string(to_string(hello->role)) +
         "), or a man in the middle passes its messages on; a key of before a rotation is worth nothing, a new token "
         "is "
         "written with: espalier token write FILE";
}

/// The first message of a coordinator.
asio::awaitable<Challenge> receive_challenge(ConnectionPtr connection) {
  Message first;
  try {
    first = co_await connection->receive();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unavailable) throw;
    throw NoHandshake(error.what());
  }
  const Challenge* challenge = std::get_if<Challenge>(&first);
  if (challenge == nullptr || challenge->nonce.size() != kNonceBytes)
    throw Error(ErrorKind::unavailable, "what listens there is not a coordinator");
  co_return *challenge;
}

}  // namespace

asio::awaitable<Role> welcome_peer(ConnectionPtr connection, std::string secret, std::string name) {
  const HandshakeDeadline deadline(connection);
  co_await connection->secure();
  const std::string binding = connection->channel_binding();
  const Challenge challenge{kProtocolVersion, random_bytes(kNonceBytes)};
  connection->send(challenge);
  const Message answer = co_await connection->receive();
  const Hello* hello = std::get_if<Hello>(&answer);
  const std::string fault = find_hello_fault(hello, challenge, secret, binding);
  if (!fault.empty()) {
    connection->send(Refused{fault});
    connection->close_after_sending();
    throw Error(ErrorKind::unavailable, "refused a connection: " + fault);
  }
  connection->trust();
  connection->send(
      Welcome{prove_coordinator(key_of(secret, hello->role), challenge.nonce, hello->nonce, binding), name});
  co_return hello->role;
}

asio::awaitable<std::string> introduce_to_coordinator(ConnectionPtr connection, Role role, std::string key) {
  const HandshakeDeadline deadline(connection);
  co_await connection->secure();
  const std::string binding = connection->channel_binding();
  const Challenge challenge = co_await receive_challenge(connection);
  Hello hello{kProtocolVersion, role, random_bytes(kNonceBytes), ""};
  hello.proof = prove_peer(key, role, challenge.nonce, hello.nonce, binding);
  connection->send(hello);
  const Message second = co_await connection->receive();
  if (const Refused* refused = std::get_if<Refused>(&second)) {
    throw Error(ErrorKind::invalid_input, "the coordinator refused this process: " + refused->why);
  }
  const Welcome* welcome = std::get_if<Welcome>(&second);
  if (welcome == nullptr ||
      !proof_holds(prove_coordinator(key, challenge.nonce, hello.nonce, binding), welcome->proof)) {
    throw Error(ErrorKind::unavailable, "what listens there does not know this store's secret");
  }
  connection->trust();
  co_return welcome->name;
}

}  // namespace espalier
