#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "experiments/operators/operator_graph.h"

namespace espalier {

/// What a layer is given of each of its inputs: columns of a matrix, channels of an image.
struct ConstantInput {
  at::Tensor number;  ///< float64 [inputs]: at the first place of the first example
  at::Tensor same;    ///< bool [inputs]: at all places of all examples, to 1e-12 of the largest number
};
/// `x` is float64, of several examples.
ConstantInput constant_input(const OperatorGraph& graph, const Node& layer, const at::Tensor& x);

/// What a layer makes of some of its inputs alone, the others and the bias being zero.
struct Contribution {
  at::Tensor number;  ///< float64 [outputs]: at the first place
  bool fits_bias;     ///< it is that at all places, to 1e-12 of what is added up
};
/// `weight` is the layer's, of any type, on the CPU.
Contribution contribution(const OperatorGraph& graph, const Node& layer, const at::Tensor& weight,
                          const ConstantInput& input, const std::vector<std::int64_t>& slices);

}  // namespace espalier
