#include "experiments/operators/operator.h"
#include "experiments/operators/rewrites/match.h"
#include "experiments/operators/rewrites/rewrite.h"

namespace espalier {

/// Add(Linear(x, W), b) with a vector of parameters b that nothing else reads: Linear(x, W, b).
std::optional<Replacement> rewrite_linear_bias(const OperatorGraph& graph, const Node& last) {
  if (last.op->name() != "Add") return std::nullopt;
  const auto [linear, bias] = sides(graph, last, "Linear");
  if (linear == nullptr || graph.has_input(*linear, 2) || !is_parameter(graph, bias)) return std::nullopt;
  const Dims& dims = graph.value(bias).dims;
  if (dims.size() != 1 || dims[0] != graph.dims(*linear, 1)[0]) return std::nullopt;
  if (graph.readers(bias).size() != 1 || graph.readers(linear->output).size() != 1) return std::nullopt;
  return Replacement{"Linear", linear->name, {linear->inputs[0], linear->inputs[1], bias}};
}

}  // namespace espalier
