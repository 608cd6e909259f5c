#include "experiments/operators/kinds/pool.h"

namespace espalier {
namespace {

/// Attribute dilations beside those of Pool. What lies in the padding is never the largest.
class MaxPool : public Pool {
 public:
  std::string_view name() const override { return "MaxPool"; }
  bool has(OperatorTrait trait) const override { return trait == OperatorTrait::per_channel; }

 protected:
  std::int64_t dilation(const Node& node, std::size_t place) const override {
    return node.integers("dilations").at(place);
  }
  std::optional<double> of_constant(const Node&, double constant) const override { return constant; }
};

}  // namespace

const Operator& operator_max_pool() {
  static const MaxPool kMaxPool;
  return kMaxPool;
}

}  // namespace espalier
