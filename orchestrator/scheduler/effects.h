#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "db/write/changes.h"
#include "experiments/stages/job.h"
#include "orchestrator/scheduler/ids.h"
#include "orchestrator/scheduler/sweep_status.h"

namespace espalier {

// What the core wants done. The coordinator does it; a test reads it.
struct SendJob {
  PoolId pool;
  int rank;
  Job job;
  bool alone;             ///< nothing else runs in the pool
  std::vector<int> gang;  ///< the ranks that run it together, `rank` first; empty: `rank` alone
};
struct SendStop {  ///< take an attempt back: it is not started yet, or is checkpointed
  PoolId pool;
  int rank;
  std::uint64_t attempt;
};
struct DismissPool {  ///< checkpoint, report, leave
  PoolId pool;
};
struct Record {
  StoreChange change;
};
struct Notice {  ///< a line of the log for the user
  std::string text;
};
struct ProtocolViolation {  ///< a pool sent a message about an attempt it does not own; it was ignored
  PoolId pool;
  std::string what;
};
struct SweepEnded {
  SweepId sweep;
  SweepEnd how;
};
using Effect = std::variant<SendJob, SendStop, DismissPool, Record, Notice, ProtocolViolation, SweepEnded>;
using Effects = std::vector<Effect>;

}  // namespace espalier
