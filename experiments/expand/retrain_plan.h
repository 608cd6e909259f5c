#pragma once

#include <optional>

#include "experiments/expand/dense_network.h"

namespace espalier {

/// What a retrain setting means for this network. Nothing after reporting what does not fit (a rewind past the end).
std::optional<RetrainPlan> make_retrain_plan(const RetrainSetting& setting, const DenseNetwork& network,
                                             Problems& problems);

}  // namespace espalier
