#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "cluster/connection/connection.h"

namespace espalier {

/// As many as a process with that limit of open files can keep beside its pools and clients: 64 at most.
std::size_t most_strangers(std::uint64_t most_open_files);
/// The same of this process.
std::size_t most_strangers();

/// Keeps few the connections that have not proved yet that they know the secret, so that whoever opens thousands takes
/// neither our file descriptors nor our memory.
class UnprovenLimit {
 public:
  explicit UnprovenLimit(std::size_t most = most_strangers()) : most_(most) {}

  /// One more stranger. If there are too many now, the one that has had the longest time to prove itself is closed: its
  /// handshake ends with an Error, as if it had gone away.
  void add(const ConnectionPtr& connection);

 private:
  std::size_t most_;
  std::deque<std::weak_ptr<Connection>> strangers_;  ///< in the order of their coming
};

}  // namespace espalier
