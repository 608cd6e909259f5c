#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "worker/data_parallel/gang.h"

namespace espalier {

/// The MPI communicators of gangs: each spans some of the pool's ranks, is made once and kept for the next gang of the
/// same ranks. Only this and the mailbox include mpi.h. Main thread only, unless stated otherwise.
class GangCommunicators {
 public:
  GangCommunicators();
  ~GangCommunicators();
  GangCommunicators(const GangCommunicators&) = delete;
  GangCommunicators& operator=(const GangCommunicators&) = delete;

  /// The number of the communicator of these ranks; 0 if there is none. Members with equal numbers made it together.
  std::uint64_t number(const std::vector<int>& ranks) const;
  /// Makes the communicator `number` unless it exists. Collective: all its ranks must call it at about the same time;
  /// it waits for them.
  void connect(const std::vector<int>& ranks, std::uint64_t number);
  /// Never uses that communicator again: some of its members may have missed a collective call. Any thread, one at a
  /// time.
  void drop(const std::vector<int>& ranks);

  /// A sum over the members, in place (all-reduce).
  struct Sum {
    Gang::Ticket ticket = 0;
    std::shared_ptr<void> values;
    std::size_t count = 0;
    bool is_double = false;
  };
  void begin(const std::vector<int>& ranks, Sum sum);
  /// Number of sums in progress.
  bool any_open() const;
  /// Progresses the sums; returns those that have completed since the last call.
  std::vector<Gang::Ticket> finished();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace espalier
