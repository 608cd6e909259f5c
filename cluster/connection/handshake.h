#pragma once

#include <string>

#include <boost/asio/awaitable.hpp>

#include "cluster/connection/connection.h"

namespace espalier {

/// The coordinator's side, TLS included. Returns the peer's role; has sent Welcome. A peer without a valid proof gets
/// Refused and is closed. Errors: ErrorKind::unavailable, with a line for the log, if the peer is refused, has not
/// proved itself within limits().handshake, or has disconnected.
boost::asio::awaitable<Role> welcome_peer(ConnectionPtr connection, std::string secret, std::string name);

/// The other side: proves the key of its role and checks that the coordinator knows it too. Returns the name we were
/// given. Errors: ErrorKind::invalid_input if the coordinator refuses us, with which side to fix;
/// ErrorKind::unavailable if the listener there is not the coordinator, or disconnects.
boost::asio::awaitable<std::string> introduce_to_coordinator(ConnectionPtr connection, Role role, std::string key);

}  // namespace espalier
