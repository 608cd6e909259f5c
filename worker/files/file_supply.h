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

/// The stage was asked to stop while it waited for a file. What it had reached before that is in its checkpoint.
class StoppedWaiting : public std::exception {
 public:
  const char* what() const noexcept override { return "asked to stop while waiting for a file"; }
};

/// How soon the coordinator is to have a file.
enum class SendWhen {
  now,    ///< nobody is told of the stage before it has it
  later,  ///< when it last got one of this stage a while ago
};

/// The files that a rank's jobs read and leave, on a machine that may or may not share the coordinator's folders. All
/// but the last two: the compute thread.
class FileSupply {
 public:
  virtual ~FileSupply() = default;

  /// Where artifacts and checkpoints are read and written: the coordinator's own store, or a folder of this machine.
  /// Known when the first job comes.
  virtual StorePaths store() const = 0;
  /// The latter. Known as store() is.
  virtual bool is_elsewhere() const = 0;
  /// What follows is for this stage. `stop` and `pulse` (which may be null) outlive it.
  virtual void begin(const StageKey& stage, const std::atomic<bool>& stop, Pulse* pulse) = 0;
  /// Gets a file from the coordinator, unless it is here already; waits for as long as that takes, and the pulse beats.
  /// "" if it is now at `place`; else why it is not. Errors: StoppedWaiting.
  virtual std::string bring(const FileName& file) = 0;
  virtual std::filesystem::path place(const FileName& file) const = 0;
  /// An artifact, a training state or a checkpoint was written where store() has it.
  virtual void written(const FileName& file, const StoredFile& stored, SendWhen when) = 0;

  // Any thread.
  /// The coordinator does not have all that the stage left.
  virtual bool is_sending(const StageKey& stage) const = 0;
  virtual bool is_sending_anything() const = 0;
};

}  // namespace espalier
