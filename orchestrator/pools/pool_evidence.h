#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cluster/launch/local_pool_process.h"
#include "orchestrator/scheduler/events.h"

namespace espalier {

/// Reads why a local pool ended: its ranks' crash notes, mpirun's line about the rank that died first, the last lines
/// of each log.
class PoolEvidence {
 public:
  /// Records where the pool's logs end now: earlier lines do not count. Call it when the pool starts.
  PoolEvidence(std::filesystem::path logs, std::string label, int ranks);

  PoolEnd gather(const ProcessEnd& end) const;

 private:
  std::filesystem::path rank_log(int rank) const;

  std::filesystem::path logs_;
  std::string label_;
  int ranks_;
  std::uintmax_t log_begins_at_;
  std::filesystem::file_time_type started_;
  std::int64_t oom_kills_;
};

/// A rank that MPI's launcher says was ended by a signal first: `... process rank 2 with PID 77 on node a exited on
/// signal 9 (Killed).` None if the text has no such line.
std::optional<RankEnd> culprit_in_log(const std::string& log);

/// The last `most` bytes of a file, from the beginning of a line; "" if there is none.
std::string last_lines(const std::filesystem::path& file, std::uintmax_t most, std::uintmax_t from = 0);

}  // namespace espalier
