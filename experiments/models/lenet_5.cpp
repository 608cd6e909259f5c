#include "base/error.h"
#include "experiments/models/models.h"

namespace espalier {

/// LeNet-5 with the widths of Caffe's example (20 and 50 filters, 500 units; examples/mnist/lenet.prototxt), which is
/// the network that pruning papers mean by the name; after LeCun, Bottou, Bengio & Haffner 1998 (doi:10.1109/5.726791).
/// For 1x28x28 and 10 classes: 431,080 parameters, 430,500 of them weights.
/// Differs: Caffe has one ReLU, after fc1; the ports to PyTorch put one after each convolution too, and so do we.
ModelDescription describe_lenet_5(const ModelSpec& spec) {
  constexpr std::int64_t kSmallestSide = 16;  // leaves one pixel after both convolutions and poolings
  const std::int64_t height = spec.input[1], width = spec.input[2];
  if (height < kSmallestSide || width < kSmallestSide) {
    throw Error(ErrorKind::invalid_input, "model: lenet-5 needs images of at least 16x16 pixels, found " +
                                              std::to_string(height) + "x" + std::to_string(width));
  }
  GraphBuilder graph;
  ValueIndex x = input_image(graph, spec);
  x = graph.max_pool2d(graph.relu("relu1", graph.conv2d("conv1", x, {20, 5})));
  x = graph.max_pool2d(graph.relu("relu2", graph.conv2d("conv2", x, {50, 5})));
  x = graph.relu("relu3", graph.linear("fc1", graph.flatten(x), 500));
  return described(spec, graph, graph.linear("fc2", x, spec.classes));
}

}  // namespace espalier
