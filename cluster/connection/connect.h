#pragma once

#include <boost/asio/awaitable.hpp>

#include "cluster/connection/connection.h"
#include "cluster/connection/coordinator_address.h"

namespace espalier {

/// A connection to that coordinator, which has proved itself to us and we to it. Errors: NoHandshake if what listens
/// there says nothing; ErrorKind::unavailable if it cannot be reached within ten seconds, or is not that coordinator;
/// ErrorKind::invalid_input if it refuses us.
boost::asio::awaitable<ConnectionPtr> connect_to_coordinator(CoordinatorAddress where, ConnectionLimits limits = {});

}  // namespace espalier
