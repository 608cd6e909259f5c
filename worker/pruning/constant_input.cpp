#include "worker/pruning/constant_input.h"

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>

#include "experiments/operators/operator.h"
#include "worker/operators/computations.h"

namespace espalier {
namespace {

constexpr double kRounding = 1e-12;

bool is_matrix(const OperatorGraph& graph, const Node& layer) {
  return graph.dims(layer, 1).size() == 2;
}

/// The numbers as an example of the layer's input, one a column or channel.
at::Tensor example_of(const OperatorGraph& graph, const Node& layer, const at::Tensor& numbers) {
  if (is_matrix(graph, layer)) return numbers.reshape({1, -1});
  std::vector<std::int64_t> image = sizes_of(graph.dims(layer, 0));
  std::vector<std::int64_t> channels(image.size(), 1);
  image[0] = 1;
  image[1] = channels[1] = numbers.numel();
  return numbers.reshape(channels).expand(image).contiguous();
}

}  // namespace

ConstantInput constant_input(const OperatorGraph& graph, const Node& layer, const at::Tensor& x) {
  const std::int64_t inputs = is_matrix(graph, layer) ? x.dim() - 1 : 1;
  const at::Tensor rows = x.movedim(inputs, 0).flatten(1);
  const at::Tensor spread = rows.amax(1).sub(rows.amin(1));
  return {rows.select(1, 0).clone(), spread.le(rows.abs().max().mul(kRounding))};
}

Contribution contribution(const OperatorGraph& graph, const Node& layer, const at::Tensor& weight,
                          const ConstantInput& input, const std::vector<std::int64_t>& slices) {
  const at::Tensor places = at::tensor(slices);
  at::Tensor numbers = input.number.index_select(0, places), read = weight;
  if (layer.attributes.contains("groups") && layer.integer("groups") > 1) {
    numbers = at::zeros_like(input.number).index_copy(0, places, numbers);  // groups need their number of inputs
  } else {
    read = weight.index_select(layer.op->has(OperatorTrait::transposed) ? 0 : 1, places);
  }
  read = read.to(at::kDouble);
  const std::vector<at::Tensor> inputs{example_of(graph, layer, numbers), read, at::Tensor()};
  const Pass pass;
  const at::Tensor given = computation_of(*layer.op)({graph, layer, inputs, pass})[0];
  const at::Tensor by_output = is_matrix(graph, layer) ? given.unsqueeze(1) : given.flatten(1);
  const double added = numbers.abs().max().item<double>() * read.abs().sum().item<double>();
  const double spread = by_output.amax(1).sub(by_output.amin(1)).max().item<double>();
  return {by_output.select(1, 0).clone(), spread <= kRounding * added};
}

}  // namespace espalier
