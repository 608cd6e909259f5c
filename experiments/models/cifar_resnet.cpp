#include <string>
#include <vector>

#include "experiments/models/models.h"

namespace espalier {
namespace {

/// relu2(bn2(conv2(relu1(bn1(conv1 x)))) + shortcut(x)), with 3x3 convolutions.
BlockOp residual_block(const std::string& name, std::int64_t in, std::int64_t out, std::int64_t stride) {
  ResidualOp residual{name, {}, {}};
  residual.body = {Conv2dOp{name + ".conv1", in, out, 3, stride, 1, false}, BatchNorm2dOp{name + ".bn1", out},
                   ReluOp{name + ".relu1"}, Conv2dOp{name + ".conv2", out, out, 3, 1, 1, false},
                   BatchNorm2dOp{name + ".bn2", out}};
  if (in != out) {
    residual.shortcut = {Conv2dOp{name + ".shortcut.0", in, out, 1, stride, 0, false},
                         BatchNorm2dOp{name + ".shortcut.1", out}};
  }
  return {name, {residual, ReluOp{name + ".relu2"}}};
}

/// Three stages of `blocks` blocks with 16, 32 and 64 channels; the second and the third begin by halving the side.
ModelDescription describe_stages(const ModelSpec& spec, int blocks) {
  std::int64_t channels = 16;
  ModelDescription model{spec.name, spec.input, spec.classes, {}};
  model.ops = {Conv2dOp{"conv1", spec.input[0], channels, 3, 1, 1, false}, BatchNorm2dOp{"bn1", channels},
               ReluOp{"relu1"}};
  int place = 0;
  for (const std::int64_t out : {16, 32, 64}) {
    for (int i = 0; i < blocks; ++i) {
      const std::int64_t stride = out != channels ? 2 : 1;
      model.ops.push_back(residual_block("block" + std::to_string(++place), channels, out, stride));
      channels = out;
    }
  }
  model.ops.insert(model.ops.end(), {GlobalAvgPoolOp{}, LinearOp{"fc", channels, spec.classes}});
  return model;
}

}  // namespace

/// ResNet-20, -32 and -56 for CIFAR of He, Zhang, Ren & Sun 2016 (arXiv:1512.03385), section 4.2: 6n + 2 layers.
/// For 3x32x32 and 10 classes ResNet-20 has 270,896 prunable weights in 22 tensors.
/// Differs: where a stage begins, the shortcut is a 1x1 convolution with a batch norm (their option B), as pruning
/// papers have it; on CIFAR they padded with zeros (option A), which has 2,560 weights and 262,144 multiply-adds less.
ModelDescription describe_resnet_20(const ModelSpec& spec) {
  return describe_stages(spec, 3);
}
ModelDescription describe_resnet_32(const ModelSpec& spec) {
  return describe_stages(spec, 5);
}
ModelDescription describe_resnet_56(const ModelSpec& spec) {
  return describe_stages(spec, 9);
}

}  // namespace espalier
