#include <string>
#include <vector>

#include "experiments/models/models.h"

namespace espalier {
namespace {

/// How many 3x3 convolutions there are of 64, 128, 256, 512 and 512 filters; a pooling stands between the groups.
using Groups = std::array<int, 5>;

ModelDescription describe_groups(const ModelSpec& spec, const Groups& groups) {
  constexpr std::array<std::int64_t, 5> kFilters{64, 128, 256, 512, 512};
  GraphBuilder graph;
  ValueIndex x = input_image(graph, spec);
  int place = 0;
  for (std::size_t group = 0; group < groups.size(); ++group) {
    if (group > 0) x = graph.max_pool2d(x);
    for (int i = 0; i < groups[group]; ++i) {
      const std::string number = std::to_string(++place);
      x = graph.conv2d("conv" + number, x, {kFilters[group], 3, 1, 1});
      x = graph.relu("relu" + number, graph.batch_norm("bn" + number, x));
    }
  }
  return described(spec, graph, graph.linear("fc", graph.global_average_pool(x), spec.classes));
}

}  // namespace

/// VGG-11, VGG-16 and VGG-19 (A, D and E) of Simonyan & Zisserman 2015 (arXiv:1409.1556), table 1, in the form for
/// CIFAR that pruning papers use (among them Frankle et al. 2020, arXiv:1912.05671): a batch norm after each
/// convolution, which keeps its bias, and one linear layer in place of three. What the last group leaves is averaged:
/// 2x2 pixels of a 32x32 image. For 3x32x32 and 10 classes VGG-16 has 14,728,266 parameters and 313,201,664
/// multiply-adds.
ModelDescription describe_vgg_11_bn(const ModelSpec& spec) {
  return describe_groups(spec, {1, 1, 2, 2, 2});
}
ModelDescription describe_vgg_16_bn(const ModelSpec& spec) {
  return describe_groups(spec, {2, 2, 3, 3, 3});
}
ModelDescription describe_vgg_19_bn(const ModelSpec& spec) {
  return describe_groups(spec, {2, 2, 4, 4, 4});
}

}  // namespace espalier
