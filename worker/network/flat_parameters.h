#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "experiments/operators/operator_graph.h"

namespace espalier {

/// A weight that can be pruned, as views into the network's flat tensors, all of the weight's shape.
struct PrunableWeight {
  std::string layer;      ///< "fc1"
  std::string parameter;  ///< "fc1.weight"
  at::Tensor weight;
  at::Tensor mask;      ///< 1 kept, 0 removed
  at::Tensor gradient;  ///< of the last loss_and_gradients
  at::Tensor leaf;      ///< the weight's memory as autograd knows it: for gradients of one's own
};

struct Parameter {
  using Role = ParameterRole;
  std::string name;
  Role role = Role::weight;
  at::Tensor leaf;      ///< requires a gradient; its memory is that of the flat tensor
  at::Tensor mask;      ///< the same part of the flat mask
  at::Tensor gradient;  ///< and of the flat gradients
};

/// What a model keeps but does not train: running statistics.
struct Buffer {
  std::string name;
  at::Tensor tensor;
  std::optional<double> initial = {};  ///< every element's first value; none for a scripted module's, as they came
};

/// All parameters of a network in one flat tensor, gradients and masks in two more of the same layout, so that an
/// optimizer step is a pass over three arrays. Layers are given their parts while the network is built.
class FlatParameters {
 public:
  /// `count` elements of `type` (float32 or float64), zero; masks one.
  FlatParameters(std::int64_t count, c10::Device device, c10::ScalarType type);

  /// The next part. Errors: ErrorKind::internal beyond `count`.
  at::Tensor add(const std::string& name, const std::vector<std::int64_t>& shape, Parameter::Role role);
  at::Tensor add_buffer(const std::string& name, const std::vector<std::int64_t>& shape, double initial);

  at::Tensor values, gradients, masks;
  std::vector<Parameter> parameters;
  std::vector<PrunableWeight> prunable;  ///< those of role weight
  std::vector<Buffer> buffers;

 private:
  at::Tensor part(const at::Tensor& flat, const std::vector<std::int64_t>& shape) const;

  std::int64_t offset_ = 0;
};

}  // namespace espalier
