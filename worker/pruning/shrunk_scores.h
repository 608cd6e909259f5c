#pragma once

#include "experiments/catalog/catalog.h"
#include "worker/criteria/criterion.h"

namespace espalier {

/// The scores of a criterion that passes data through the network, computed by the network without the channels, heads
/// and blocks that its masks remove as a whole (ShrunkNetwork), in the shapes of the whole one. They are the masked
/// network's but for the order of sums: what left has zero, and so have the columns that read it, since they see zeros.
/// Of a criterion that scores outputs those columns have their output's score. Where nothing leaves, the masked
/// network's. Errors: those of the criterion and of require_equal_outputs, which compares both networks first.
Scores shrunk_scores(const CriterionEntry& criterion, const CriterionContext& context);

}  // namespace espalier
