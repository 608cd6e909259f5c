#include <string>
#include <vector>

#include "experiments/models/models.h"

namespace espalier {
namespace {

/// relu2(bn2(conv2(relu1(bn1(conv1 x)))) + shortcut(x)), with 3x3 convolutions.
ValueIndex residual_block(GraphBuilder& graph, const std::string& name, ValueIndex x, std::int64_t out,
                          std::int64_t stride) {
  graph.begin_block(name, x);
  const bool projects = graph.dims(x)[1].size != out;
  ValueIndex body = graph.conv2d(name + ".conv1", x, {out, 3, stride, 1, false});
  body = graph.relu(name + ".relu1", graph.batch_norm(name + ".bn1", body));
  body = graph.batch_norm(name + ".bn2", graph.conv2d(name + ".conv2", body, {out, 3, 1, 1, false}));
  if (projects) {
    x = graph.batch_norm(name + ".shortcut.1", graph.conv2d(name + ".shortcut.0", x, {out, 1, stride, 0, false}));
  }
  return graph.end_block(graph.relu(name + ".relu2", graph.sum(body, x)));
}

/// Three stages of `blocks` blocks with 16, 32 and 64 channels; the second and the third begin by halving the side.
ModelDescription describe_stages(const ModelSpec& spec, int blocks) {
  GraphBuilder graph;
  ValueIndex x = graph.conv2d("conv1", input_image(graph, spec), {16, 3, 1, 1, false});
  x = graph.relu("relu1", graph.batch_norm("bn1", x));
  int place = 0;
  for (const std::int64_t out : {16, 32, 64}) {
    for (int i = 0; i < blocks; ++i) {
      const std::int64_t stride = out != graph.dims(x)[1].size ? 2 : 1;
      x = residual_block(graph, "block" + std::to_string(++place), x, out, stride);
    }
  }
  return described(spec, graph, graph.linear("fc", graph.global_average_pool(x), spec.classes));
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
