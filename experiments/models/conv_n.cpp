#include <string>
#include <vector>

#include "experiments/models/models.h"

namespace espalier {
namespace {

/// Pairs of 3x3 convolutions, each pair with half the side and twice the channels of the one before, then 256-256.
ModelDescription describe_pairs(const ModelSpec& spec, int pairs) {
  auto [channels, height, width] = spec.input;
  ModelDescription model{spec.name, spec.input, spec.classes, {}};
  int place = 0;  // of the ReLU
  const auto relu = [&] { return ReluOp{"relu" + std::to_string(++place)}; };
  for (int pair = 0; pair < pairs; ++pair) {
    const std::int64_t filters = std::int64_t{64} << pair;
    for (int i = 1; i <= 2; ++i) {
      model.ops.push_back(Conv2dOp{"conv" + std::to_string(2 * pair + i), channels, filters, 3, 1, 1});
      model.ops.push_back(relu());
      channels = filters;
    }
    model.ops.push_back(MaxPool2dOp{});
    height /= 2;
    width /= 2;
  }
  model.ops.insert(model.ops.end(), {FlattenOp{}, LinearOp{"fc1", channels * height * width, 256}, relu(),
                                     LinearOp{"fc2", 256, 256}, relu(), LinearOp{"fc3", 256, spec.classes}});
  return model;
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
