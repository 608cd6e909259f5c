#pragma once

#include <string>
#include <variant>
#include <vector>

#include <ATen/core/Tensor.h>

#include "experiments/model_description.h"
#include "worker/named_tensors.h"
#include "worker/prunable_layers.h"

namespace espalier {

/// A weight that can be pruned, as views into the network's flat tensors, all of the weight's shape, float32.
struct PrunableWeight {
  std::string layer;      ///< "fc1"
  std::string parameter;  ///< "fc1.weight"
  at::Tensor weight;
  at::Tensor mask;      ///< 1 kept, 0 removed
  at::Tensor gradient;  ///< of the last loss_and_gradients
};

/// A model with tensors: runs the description's operations in order. All parameters lie in one flat tensor, gradients
/// and masks in two more of the same layout, so that an optimizer step is a pass over three arrays. Parameters are
/// named "fc1.weight", "fc1.bias", in the description's order. A pruned weight is zero whenever a method returns.
class Network {
 public:
  /// Parameters are zero, masks one. Errors: ErrorKind::internal if the operations do not fit together.
  Network(const ModelDescription& model, c10::Device device);

  /// [N, C, H, W] float32 -> logits [N, classes].
  at::Tensor forward(const at::Tensor& images) const;
  /// Mean cross-entropy of a batch (labels: int64 [N]), detached; gradients() then hold its gradient.
  at::Tensor loss_and_gradients(const at::Tensor& images, const at::Tensor& labels);

  /// Flat, float32 [parameters]. Who writes them calls apply_masks() after.
  at::Tensor& parameters() { return parameters_; }
  const at::Tensor& gradients() const { return gradients_; }
  /// Sets pruned weights to zero.
  void apply_masks();

  const std::vector<PrunableWeight>& prunable() const { return prunable_; }

  /// Copies in all parameters. Errors: ErrorKind::corrupt for one that is missing or has another shape.
  void set_weights(const NamedTensors& weights);
  /// Copies of all parameters, by name.
  NamedTensors weights() const;
  /// Masks by the names of the weights they cover, uint8. Errors: as set_weights.
  void set_masks(const NamedTensors& masks);

 private:
  struct Relu {};
  struct MaxPool {
    MaxPool2dOp op;
  };
  struct Flatten {};
  using Layer = std::variant<PrunableLinear, PrunableConv2d, Relu, MaxPool, Flatten>;
  struct Parameter {
    std::string name;
    at::Tensor tensor;  ///< a leaf that requires a gradient; its memory is parameters_'s
  };

  LayerTensors take(const std::string& layer, const std::vector<std::int64_t>& weight_shape, bool bias,
                    std::int64_t& offset);
  at::Tensor add_parameter(std::string name, const std::vector<std::int64_t>& shape, std::int64_t& offset);

  at::Tensor parameters_, gradients_, masks_;
  bool masked_ = false;
  std::vector<Parameter> named_;
  std::vector<PrunableWeight> prunable_;
  std::vector<Layer> layers_;
};

}  // namespace espalier
