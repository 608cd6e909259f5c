#pragma once

#include "experiments/parse/axis_reader.h"
#include "experiments/spec/sweep_spec.h"

namespace espalier {

/// `train: {optimizer: adam, lr: 1.2e-3, ...}`: every key may be an axis.
void read_train_keys(AxisReader& axes, const YamlValue& value, TrainKeys<Choices>& keys);
/// `finetune: {epochs: 2, ...}`: the same keys, each with one value.
void read_train_keys(Problems& problems, const YamlValue& value, TrainKeys<Maybe>& keys);

}  // namespace espalier
