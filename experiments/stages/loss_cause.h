#pragma once

#include <string_view>
#include <vector>

namespace espalier {

/// Why an attempt ended without the outcome that it was there for. docs/failures.md says what each leads to.
enum class LossCause {
  preempted,         ///< a signal (USR1, TERM) asked its pool to leave
  time_limit,        ///< its pool's own deadline came
  drained,           ///< the coordinator sent its pool away
  idle,              ///< its pool left because there was nothing to do
  coordinator_lost,  ///< no coordinator was connected
  oom_host,          ///< the machine's memory, or the rank's limit of it, ran out
  oom_gpu,           ///< an accelerator's memory ran out
  signal,            ///< a rank's process died: a signal, or an exit without a crash note
  node_lost,         ///< the connection to its pool broke and did not come back
  heartbeat,         ///< its pool or rank was silent for too long
  hung,              ///< its stage made no progress for much longer than its own steps take
  error,             ///< the stage reported an error
  numeric,           ///< the stage's numbers made no sense (a score that is not a number)
  disk_full,         ///< the store, or the worker's disk, has no room or cannot be written
  damaged_input      ///< an artifact that it needs is missing or damaged
};

/// The name of the enumerator.
std::string_view to_string(LossCause cause);
/// Errors: ErrorKind::invalid_input for a text that names none.
LossCause parse_loss_cause(std::string_view text);

/// What a loss is charged to.
enum class Budget {
  none,     ///< not the job's fault, but it must make progress between two such losses
  crash,    ///< the worker died with the job, or had to be killed
  error,    ///< the job reported an error
  memory,   ///< it did not fit
  machine,  ///< the disk's fault: the sweep waits, no stage is charged
  input     ///< an input's fault: that is made again
};
Budget budget_of(LossCause cause);

/// All of them, in the order of the enumeration.
std::vector<LossCause> list_loss_causes();

/// Those after which a new run of the sweep retries a failed stage by itself, because its user may have fixed what
/// was wrong: errors, inputs, machines. What crashes, does not fit or makes no progress waits for `espalier retry`.
std::vector<LossCause> causes_that_a_run_tries_again();

}  // namespace espalier
