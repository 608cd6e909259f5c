#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include "base/sha256.h"
#include "experiments/stages/stage_key.h"

namespace espalier {

/// Which bytes are in the store for stages whose files pools upload, so that an outcome and its file are of one pool:
/// two pools may compute different bytes for one stage. Shared by the I/O loop, which handles outcomes, and the thread
/// that writes files; neither waits longer than a rename takes.
class PlacedFiles {
 public:
  /// The stage is open, and a file of it is being received.
  void expect(const StageKey& stage);
  /// Runs `rename` unless the stage has been settled; returns whether it did. Errors: those of `rename`.
  bool place(const StageKey& stage, const Digest& sha256, const std::function<void()>& rename);
  /// An outcome of the stage names its file's hash: returns true and keeps the file from now on, unless another file is
  /// there. "" for a stage without a file.
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
