#pragma once

#include <string>

#include <boost/asio/awaitable.hpp>

#include "base/error.h"
#include "cluster/connection.h"
#include "cluster/coordinator_address.h"

namespace espalier {

/// A connection to that coordinator, which has proved itself to us and we to it. Errors: ErrorKind::unavailable if it
/// cannot be reached within ten seconds; NoHandshake if what listens there says nothing, or is not it;
/// ErrorKind::invalid_input if it refuses us.
boost::asio::awaitable<ConnectionPtr> connect_to_coordinator(CoordinatorAddress where, ConnectionLimits limits = {});

}  // namespace espalier
