#pragma once

#include <boost/asio/awaitable.hpp>

#include "cluster/connection.h"
#include "cluster/coordinator_address.h"

namespace espalier {

/// A connection to that coordinator, which has proved itself to us and we to it. Plain TCP is spoken to loopback alone.
/// Errors: ErrorKind::unavailable if it cannot be reached within ten seconds, or what listens there is not it;
/// ErrorKind::invalid_input if it refuses us, or we were told to speak plain TCP to another machine.
boost::asio::awaitable<ConnectionPtr> connect_to_coordinator(CoordinatorAddress where, Role role,
                                                             ConnectionLimits limits = {});

}  // namespace espalier
