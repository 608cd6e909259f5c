#include "experiments/models/models.h"

namespace espalier {

/// LeNet-300-100 of LeCun, Bottou, Bengio & Haffner 1998 (doi:10.1109/5.726791), section III.C.2, as the pruning papers
/// use it: ReLU where the original had a sigmoid. For 784 inputs and 10 classes: 266,610 parameters, 266,200 of them
/// weights. An input of any shape is flattened.
ModelDescription describe_lenet_300_100(const ModelSpec& spec) {
  GraphBuilder graph;
  ValueIndex x = graph.flatten(input_image(graph, spec));
  x = graph.relu("relu1", graph.linear("fc1", x, 300));
  x = graph.relu("relu2", graph.linear("fc2", x, 100));
  return described(spec, graph, graph.linear("fc3", x, spec.classes));
}

}  // namespace espalier
