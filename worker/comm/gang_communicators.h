#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "worker/data_parallel/gang.h"

namespace espalier {

/// The MPI of gangs: a line is a communicator of some of the pool's ranks, made once and kept for the next gang of the
/// same ranks. Beside the mailbox the only place that sees mpi.h. Main thread only, but for what says otherwise.
class GangCommunicators {
 public:
  GangCommunicators();
  ~GangCommunicators();
  GangCommunicators(const GangCommunicators&) = delete;
  GangCommunicators& operator=(const GangCommunicators&) = delete;

  /// That of the line to these ranks; 0 if there is none. Members whose numbers are equal made it together.
  std::uint64_t number(const std::vector<int>& ranks) const;
  /// Makes the line `number`, unless it is there. Then all the ranks must call it at about the same time: it waits for
  /// them.
  void connect(const std::vector<int>& ranks, std::uint64_t number);
  /// Never uses that line again: some of its members may not have taken part in what was begun. Any thread, one at a
  /// time.
  void drop(const std::vector<int>& ranks);

  /// A sum over the members, in place.
  struct Sum {
    Gang::Ticket ticket = 0;
    std::shared_ptr<void> values;
    std::size_t count = 0;
    bool is_double = false;
  };
  void begin(const std::vector<int>& ranks, Sum sum);
  /// Sums that have begun and not ended.
  bool any_open() const;
  /// Moves them on. Those that have ended since.
  std::vector<Gang::Ticket> finished();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace espalier
