#pragma once

#include <optional>

#include "experiments/expand/dense_config.h"

namespace espalier {

/// What a retrain setting means for this network. Nothing after reporting what does not fit (a rewind past the end).
std::optional<RetrainConfig> make_retrain_config(const RetrainSetting& setting, const DenseConfig& network,
                                                 Problems& problems);

}  // namespace espalier
