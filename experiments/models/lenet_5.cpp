#include "base/error.h"
#include "experiments/models/models.h"

namespace espalier {

/// LeNet-5 with the widths of Caffe's example (20 and 50 filters, 500 units; examples/mnist/lenet.prototxt), which is
/// the network that pruning papers mean by the name; after LeCun, Bottou, Bengio & Haffner 1998 (doi:10.1109/5.726791).
/// For 1x28x28 and 10 classes: 431,080 parameters, 430,500 of them weights.
/// Differs: Caffe has one ReLU, after fc1; the ports to PyTorch put one after each convolution too, and so do we.
ModelDescription describe_lenet_5(const ModelSpec& spec) {
  constexpr std::int64_t kSmallestSide = 16;  // leaves one pixel after both convolutions and poolings
  const auto [channels, height, width] = spec.input;
  if (height < kSmallestSide || width < kSmallestSide) {
    throw Error(ErrorKind::invalid_input, "model: lenet-5 needs images of at least 16x16 pixels, found " +
                                              std::to_string(height) + "x" + std::to_string(width));
  }
  const auto after = [](std::int64_t side) { return ((side - 4) / 2 - 4) / 2; };
  return {spec.name,
          spec.input,
          spec.classes,
          {Conv2dOp{"conv1", channels, 20, 5}, ReluOp{"relu1"}, MaxPool2dOp{}, Conv2dOp{"conv2", 20, 50, 5},
           ReluOp{"relu2"}, MaxPool2dOp{}, FlattenOp{}, LinearOp{"fc1", 50 * after(height) * after(width), 500},
           ReluOp{"relu3"}, LinearOp{"fc2", 500, spec.classes}}};
}

}  // namespace espalier
