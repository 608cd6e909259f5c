#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// Over the attribute `dim`; and its logarithm. No index of it can leave: a number without it would still be counted.
class Softmax : public Operator {
 public:
  explicit Softmax(std::string_view name) : name_(name) {}
  std::string_view name() const override { return name_; }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override {
    const Dims& dims = graph.dims(node, 0);
    if (dims[dim_at(node, dims, node.integer("dim"))].batch) refuse(node, "compares examples");
    return {dims};
  }

  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override {
    const Dims& dims = graph.dims(node, 0);
    CoupledDims result = inputs[0];
    block_dim(coupling, result, dims, dim_at(node, dims, node.integer("dim")), node);
    for (CoupledAxis& axis : result) axis.removed.reset();
    return result;
  }

 private:
  const std::string_view name_;
};

}  // namespace

const Operator& operator_softmax() {
  static const Softmax kSoftmax("Softmax");
  return kSoftmax;
}

const Operator& operator_log_softmax() {
  static const Softmax kLogSoftmax("LogSoftmax");
  return kLogSoftmax;
}

}  // namespace espalier
