#pragma once

#include "base/error.h"

namespace espalier {

/// What `espalier` answers to the shell; documented in `espalier --help` and docs/commands.md.
enum ExitCode : int {
  kExitDone = 0,
  kExitTrialsFailed = 1,  ///< the sweep ended, some of its trials have no result
  kExitInvalidInput = 2,  ///< nothing was done
  kExitUnavailable = 3,   ///< another coordinator, no mpirun, a taken port, pools that die at once
  kExitExhausted = 4,     ///< no disk space to begin or to end; the same command goes on once there is some
  kExitCorrupt = 5,       ///< a damaged database or file
  kExitInternal = 70,     ///< a bug
  kExitInterrupted = 130  ///< stopped by Ctrl-C or cancel; the same command goes on
};

inline ExitCode exit_code_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid_input:
      return kExitInvalidInput;
    case ErrorKind::unavailable:
      return kExitUnavailable;
    case ErrorKind::exhausted:
      return kExitExhausted;
    case ErrorKind::corrupt:
      return kExitCorrupt;
    case ErrorKind::numeric:
    case ErrorKind::internal:
      return kExitInternal;
  }
  return kExitInternal;
}

}  // namespace espalier
