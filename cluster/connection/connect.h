#pragma once

#include <boost/asio/awaitable.hpp>

#include "cluster/connection/connection.h"
#include "cluster/connection/coordinator_address.h"

namespace espalier {

/// A mutually authenticated connection to that coordinator. Errors: NoHandshake if the listener there does not answer;
/// ErrorKind::unavailable if it cannot be reached within ten seconds, or is not that coordinator;
/// ErrorKind::invalid_input if it refuses us.
boost::asio::awaitable<ConnectionPtr> connect_to_coordinator(CoordinatorAddress where, ConnectionLimits limits = {});

}  // namespace espalier
