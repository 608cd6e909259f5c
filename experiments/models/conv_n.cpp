#include <string>
#include <vector>

#include "experiments/models/models.h"

namespace espalier {
namespace {

/// Pairs of 3x3 convolutions, each pair with half the side and twice the channels of the one before, then 256-256.
ModelDescription describe_pairs(const ModelSpec& spec, int pairs) {
  GraphBuilder graph;
  ValueIndex x = input_image(graph, spec);
  int place = 0;  // of the ReLU
  const auto relu = [&](ValueIndex y) { return graph.relu("relu" + std::to_string(++place), y); };
  for (int pair = 0; pair < pairs; ++pair) {
    for (int i = 1; i <= 2; ++i)
      x = relu(graph.conv2d("conv" + std::to_string(2 * pair + i), x, {std::int64_t{64} << pair, 3, 1, 1}));
    x = graph.max_pool2d(x);
  }
  x = relu(graph.linear("fc1", graph.flatten(x), 256));
  x = relu(graph.linear("fc2", x, 256));
  return described(spec, graph, graph.linear("fc3", x, spec.classes));
}

}  // namespace

/// Conv-2, Conv-4 and Conv-6 of Frankle & Carbin 2019 (arXiv:1803.03635), figure 2: VGG (Simonyan & Zisserman 2015)
/// scaled down for CIFAR-10. Conv-2 has 4,300,992 weights, Conv-4 2,425,024. The figure prints 1.7M for Conv-6; with
/// three poolings, as the other two have one and two, it is 2,261,184 (1,144,512 of them in convolutions, the
/// figure's 1.1M).
ModelDescription describe_conv_2(const ModelSpec& spec) {
  return describe_pairs(spec, 1);
}
ModelDescription describe_conv_4(const ModelSpec& spec) {
  return describe_pairs(spec, 2);
}
ModelDescription describe_conv_6(const ModelSpec& spec) {
  return describe_pairs(spec, 3);
}

}  // namespace espalier
