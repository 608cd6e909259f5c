#pragma once

#include "experiments/stages/outcome.h"
#include "worker/data/resident_dataset.h"
#include "worker/data_parallel/gang.h"
#include "worker/network/network.h"

namespace espalier {

/// The task's metrics over a split of at least one example, in fixed batches, so the numbers depend on nothing else.
/// Changes nothing: no gradients are recorded, and the thread's mode is as before.
///
/// With a gang, its members take turns at the batches and all are given the whole (collective): the loss then differs
/// from one rank's by the order in which the batches' sums, doubles, are added.
Evaluation evaluate(const Network& network, const ResidentDataset& data, const ResidentSplit& split,
                    Gang* gang = nullptr);

}  // namespace espalier
