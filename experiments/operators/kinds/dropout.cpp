#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// Srivastava et al. 2014: in training, sets elements to zero with the attribute `probability`, and divides the others
/// by 1 - probability. ChannelDropout (Tompson et al. 2015, arXiv:1411.4280) sets whole channels of an example to zero.
class Dropout : public Operator {
 public:
  explicit Dropout(std::string_view name) : name_(name) {}
  std::string_view name() const override { return name_; }
  bool has(OperatorTrait trait) const override { return trait == OperatorTrait::per_channel; }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override {
    const double probability = node.number("probability");
    if (!(probability >= 0 && probability < 1)) refuse(node, "drops with probability " + std::to_string(probability));
    return {graph.dims(node, 0)};
  }

  CoupledDims couple(Coupling&, const OperatorGraph&, const Node&,
                     const std::vector<CoupledDims>& inputs) const override {
    CoupledDims result = inputs[0];
    for (CoupledAxis& axis : result) {
      if (axis.removed != 0.0) axis.removed.reset();
    }
    return result;
  }

 private:
  const std::string_view name_;
};

}  // namespace

const Operator& operator_dropout() {
  static const Dropout kDropout("Dropout");
  return kDropout;
}

const Operator& operator_channel_dropout() {
  static const Dropout kChannelDropout("ChannelDropout");
  return kChannelDropout;
}

}  // namespace espalier
