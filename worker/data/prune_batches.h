#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "experiments/stages/stage_spec.h"
#include "worker/data/resident_dataset.h"

namespace espalier {

/// The training data of a criterion, in the order of RandomStream(seed, "prune", pass): every example once
/// before any comes twice. `round` counts the prunes of one stage that use data of their own (gradual schedules);
/// round 0 begins with pass 0.
class PruneBatches {
 public:
  /// None for a criterion without data. Errors: ErrorKind::invalid_input if there are batches but no examples.
  PruneBatches(const PruneSpec& spec, const ResidentDataset* data, std::uint64_t seed, std::uint64_t round,
               c10::Device device);

  std::int64_t count() const { return count_; }
  /// 0 .. count() - 1, the same at every call.
  Batch batch(std::int64_t index) const;

 private:
  std::int64_t count_ = 0;
  std::int64_t size_ = 0;
  const ResidentDataset* data_ = nullptr;
  at::Tensor order_;
};

}  // namespace espalier
