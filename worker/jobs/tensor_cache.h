#pragma once

#include <cstdint>
#include <list>
#include <utility>

#include "experiments/stages/stage.h"
#include "worker/network/named_tensors.h"

namespace espalier {

/// The output tensors of recent stages, so that the next stage of a chain reads no file. Evicts the least recently
/// used.
class TensorCache {
 public:
  explicit TensorCache(std::int64_t limit_bytes) : limit_bytes_(limit_bytes) {}
  /// Null if it is not cached. Valid until the next call; read-only.
  const NamedTensors* find(const StageKey& key);
  void insert(const StageKey& key, NamedTensors tensors);
  void clear();

 private:
  const std::int64_t limit_bytes_;
  std::int64_t bytes_ = 0;
  std::list<std::pair<StageKey, NamedTensors>> entries_;  // the last used one first
};

}  // namespace espalier
