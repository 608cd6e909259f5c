#pragma once

#include <cstdint>
#include <list>
#include <utility>

#include "experiments/stages/stage.h"
#include "worker/network/named_tensors.h"

namespace espalier {

/// The tensors that recent stages left, so that the next stage of a chain reads no file. Least recently used go first.
class TensorCache {
 public:
  explicit TensorCache(std::int64_t limit_bytes) : limit_bytes_(limit_bytes) {}
  /// Null if it is not there. Valid until the next call; not to be written to.
  const NamedTensors* find(const StageKey& key);
  void insert(const StageKey& key, NamedTensors tensors);
  void clear();

 private:
  const std::int64_t limit_bytes_;
  std::int64_t bytes_ = 0;
  std::list<std::pair<StageKey, NamedTensors>> entries_;  // the last used one first
};

}  // namespace espalier
