#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "experiments/stages/job.h"
#include "experiments/stages/outcome.h"
#include "worker/machine/pulse.h"

namespace espalier {

/// Progress of a running stage; sent about once an epoch or second.
struct StageProgress {
  StageKey key;
  std::uint64_t attempt = 0;
  std::int64_t step = 0;
  std::int64_t end_step = 0;
  double loss = 0;
};

/// A training's state is safe on disk.
struct CheckpointWritten {
  bool newer = false;  ///< than that with which this attempt began
  std::chrono::steady_clock::duration took{};
};

enum class JobEnd {
  finished,    ///< every stage has its outcome
  failed,      ///< a stage's outcome is a failure; those after it were not run
  interrupted  ///< stopped: the running stage's state is in its checkpoint, it has no outcome
};

struct JobCallbacks {
  std::function<void(const StageProgress&)> on_progress;
  std::function<void(StageOutcome)> on_outcome;        ///< as soon as a stage is reached, in order
  std::function<void(const JobStage&)> on_stage = {};  ///< it begins, unless `stop` is set when this returns
  std::function<void()> on_first_step = {};            ///< train: from here on a stop saves progress
  std::function<void(const CheckpointWritten&)> on_checkpoint = {};
  Pulse* pulse = nullptr;  ///< beats with every pass of a stage's network; outlives the job
};

}  // namespace espalier
