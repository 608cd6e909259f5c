#include <algorithm>

#include "experiments/operators/kinds/pool.h"

namespace espalier {
namespace {

/// Attribute count_padding beside those of Pool: 1 where zeros of the padding are averaged too.
class AveragePool : public Pool {
 public:
  std::string_view name() const override { return "AveragePool"; }
  bool has(OperatorTrait trait) const override { return trait == OperatorTrait::per_channel; }

 protected:
  std::optional<double> of_constant(const Node& node, double constant) const override {
    const bool padded = node.integer("count_padding") != 0 &&
                        std::ranges::any_of(node.integers("padding"), [](std::int64_t size) { return size > 0; });
    return padded && constant != 0 ? std::nullopt : std::optional(constant);
  }
};

}  // namespace

const Operator& operator_average_pool() {
  static const AveragePool kAveragePool;
  return kAveragePool;
}

}  // namespace espalier
