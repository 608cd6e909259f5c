#pragma once

#include <boost/asio/awaitable.hpp>

#include "cluster/connection.h"
#include "cluster/coordinator_address.h"

namespace espalier {

/// A connection to that coordinator, which has proved itself to us and we to it. /// Errors: ErrorKind::unavailable if it cannot be reached within ten seconds, or what listens there is not it;
/// ErrorKind::invalid_input if it refuses us.
boost::asio::awaitable<ConnectionPtr> connect_to_coordinator(CoordinatorAddress where,
                                                             ConnectionLimits limits = {});

}  // namespace espalier
