#pragma once

#include <atomic>
#include <exception>
#include <filesystem>
#include <string>

#include "cluster/protocol/file_name.h"
#include "experiments/paths/store_paths.h"
#include "experiments/stages/stage.h"
#include "worker/files/sealed_file.h"
#include "worker/machine/pulse.h"

namespace espalier {

/// The stage was stopped while it waited for a file. Its earlier progress is in its checkpoint.
class StoppedWaiting : public std::exception {
 public:
  const char* what() const noexcept override { return "asked to stop while waiting for a file"; }
};

/// How soon the coordinator must have a file.
enum class SendWhen {
  now,    ///< before the stage is reported
  later,  ///< if its last file of this stage is old enough
};

/// The files that a rank's jobs read and write, on a machine that may or may not share the coordinator's folders. All
/// but the last two functions: compute thread.
class FileSupply {
 public:
  virtual ~FileSupply() = default;

  /// Where artifacts and checkpoints are read and written: the coordinator's store, or a folder of this machine. Known
  /// when the first job arrives.
  virtual StorePaths store() const = 0;
  /// Whether it is a folder of this machine. Known when store() is.
  virtual bool is_elsewhere() const = 0;
  /// Later calls are for this stage. `stop` and `pulse` (which may be null) outlive it.
  virtual void begin(const StageKey& stage, const std::atomic<bool>& stop, Pulse* pulse) = 0;
  /// Fetches a file from the coordinator unless it is here already; blocks until it is done, while the pulse beats. ""
  /// if it is now at `place`; else why it is not. Errors: StoppedWaiting.
  virtual std::string bring(const FileName& file) = 0;
  virtual std::filesystem::path place(const FileName& file) const = 0;
  /// An artifact, a training state or a checkpoint was written where store() has it.
  virtual void written(const FileName& file, const StoredFile& stored, SendWhen when) = 0;

  // Any thread.
  /// The coordinator does not have all files of the stage yet.
  virtual bool is_sending(const StageKey& stage) const = 0;
  virtual bool is_sending_anything() const = 0;
};

}  // namespace espalier
