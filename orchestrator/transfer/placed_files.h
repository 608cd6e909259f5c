#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include "base/sha256.h"
#include "experiments/stages/stage_key.h"

namespace espalier {

/// Which bytes lie in the store for stages whose files pools send, so that an outcome and the file that it describes
/// are of one pool: two that make the same stage may differ. Shared by the I/O loop, which hears outcomes, and the
/// thread that writes files; nobody waits longer than a rename takes.
class PlacedFiles {
 public:
  /// The stage is open, and a file of it is on its way.
  void expect(const StageKey& stage);
  /// Runs `rename`, unless the stage was settled meanwhile; says whether it did. Errors: those of `rename`.
  bool place(const StageKey& stage, const Digest& sha256, const std::function<void()>& rename);
  /// An outcome of the stage says what its file is: true, and the file stays from now on as it is, unless another lies
  /// there. "" for a stage without one.
  bool settle(const StageKey& stage, const std::string& sha256);

 private:
  struct Entry {
    std::optional<Digest> placed;
    bool settled = false;
  };
  std::mutex mutex_;
  std::map<StageKey, Entry> entries_;
  std::deque<StageKey> settled_;  ///< in their order: old ones are forgotten
};

}  // namespace espalier
