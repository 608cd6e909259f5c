#pragma once

#include "experiments/outcome.h"
#include "worker/network.h"
#include "worker/resident_dataset.h"

namespace espalier {

/// Accuracy, mean cross-entropy and per-class accuracy over a split of at least one example, in fixed batches, so the
/// numbers depend on nothing else. Changes nothing: no gradients are recorded, and the thread's mode is as before.
Evaluation evaluate(const Network& network, const ResidentDataset& data, const ResidentSplit& split);

}  // namespace espalier
