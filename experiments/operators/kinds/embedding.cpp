#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// Rows of a table [vocabulary, width], by their numbers.
class Embedding : public Operator {
 public:
  std::string_view name() const override { return "Embedding"; }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override {
    Dims dims = graph.dims(node, 0);
    const Dims& table = graph.dims(node, 1);
    if (table.size() != 2) refuse(node, "has a table of " + to_string(table));
    dims.push_back(table[1]);
    return {dims};
  }

  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override {
    CoupledDims table = inputs[1];
    block_all(coupling, inputs[0], node);
    block_dim(coupling, table, graph.dims(node, 1), 0, node);
    const CoupledAxis* width = alone(coupling, table, graph.dims(node, 1), 1);
    if (width == nullptr) return {};
    return {{{graph.dims(node, 0).size()}, width->atoms, 0.0}};
  }
};

}  // namespace

const Operator& operator_embedding() {
  static const Embedding kEmbedding;
  return kEmbedding;
}

}  // namespace espalier
