#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "cluster/connection/connection.h"

namespace espalier {

/// Most unauthenticated connections of a process with that limit of open files: at most 64.
std::size_t most_unproven(std::uint64_t most_open_files);
/// The same for this process.
std::size_t most_unproven();

/// Limits the number of unauthenticated connections (DoS guard for file descriptors and memory).
class UnprovenLimit {
 public:
  explicit UnprovenLimit(std::size_t most = most_unproven()) : most_(most) {}

  /// Adds an unauthenticated connection. If there are too many now, closes the oldest: its handshake ends with an
  /// Error, as if the peer had disconnected.
  void add(const ConnectionPtr& connection);

 private:
  std::size_t most_;
  std::deque<std::weak_ptr<Connection>> connections_;  ///< oldest first
};

}  // namespace espalier
