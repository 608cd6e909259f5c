#include "worker/jobs/tensor_cache.h"

#include <algorithm>

namespace espalier {

const NamedTensors* TensorCache::find(const StageKey& key) {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.first == key; });
  if (found == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found);
  return &entries_.front().second;
}

void TensorCache::insert(const StageKey& key, NamedTensors tensors) {
  const auto old =
      std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.first == key; });
  if (old != entries_.end()) {
    bytes_ -= size_bytes(old->second);
    entries_.erase(old);
  }
  bytes_ += size_bytes(tensors);
  entries_.emplace_front(key, std::move(tensors));
  while (bytes_ > limit_bytes_) {
    bytes_ -= size_bytes(entries_.back().second);
    entries_.pop_back();
  }
}

void TensorCache::clear() {
  entries_.clear();
  bytes_ = 0;
}

}  // namespace espalier
