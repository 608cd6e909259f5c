#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/write/changes.h"
#include "experiments/stages/loss_cause.h"

// Events of pools and their ranks, for the core.
namespace espalier {

/// What a rank is and has.
struct RankFacts {
  EnvironmentId environment = 0;
  std::string host;
  std::string gpu = {};  ///< which of the host's it computes on; "" for none
  double memory_gb = 0;  ///< that it may use; 0: no limit
};

/// How a rank's attempt ended.
struct AttemptEnd {
  std::uint64_t attempt = 0;
  bool interrupted = false;  ///< some of its stages have no outcome
  bool started = true;
  bool progressed = true;  ///< if interrupted: it reached a stage or wrote a checkpoint
  LossCause cause = LossCause::drained;
};

/// A rank of a lost pool, and its crash note.
struct RankEnd {
  int rank = 0;
  std::uint64_t attempt = 0;  ///< that it ran; 0 if unknown
  LossCause cause = LossCause::signal;
  std::optional<int> signal;
  std::string message;
  std::string backtrace;
};

/// How a pool ended.
struct PoolEnd {
  LossCause cause = LossCause::node_lost;
  std::string why;  ///< for people
  std::optional<int> signal, exit_code;
  std::vector<RankEnd> culprits;  ///< ranks that are known to have ended first
  std::vector<std::string> logs;  ///< the last lines of each rank's log; may be empty
};

}  // namespace espalier
