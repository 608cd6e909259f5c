#include "experiments/models/models.h"

namespace espalier {

/// LeNet-300-100 of LeCun, Bottou, Bengio & Haffner 1998 (doi:10.1109/5.726791), section III.C.2, as the pruning papers
/// use it: ReLU where the original had a sigmoid. For 784 inputs and 10 classes: 266,610 parameters, 266,200 of them
/// weights. An input of any shape is flattened.
ModelDescription describe_lenet_300_100(const ModelSpec& spec) {
  const std::int64_t inputs = spec.input[0] * spec.input[1] * spec.input[2];
  return {spec.name,
          spec.input,
          spec.classes,
          {FlattenOp{}, LinearOp{"fc1", inputs, 300}, ReluOp{"relu1"}, LinearOp{"fc2", 300, 100}, ReluOp{"relu2"},
           LinearOp{"fc3", 100, spec.classes}}};
}

}  // namespace espalier
