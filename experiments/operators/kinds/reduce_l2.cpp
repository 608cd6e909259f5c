#include "experiments/operators/kinds/reduction.h"

namespace espalier {
namespace {

/// The root of the sum of squares, as Reduction has it. Its gradient at zero is zero.
class ReduceL2 : public Reduction {
 public:
  std::string_view name() const override { return "ReduceL2"; }
};

}  // namespace

const Operator& operator_reduce_l2() {
  static const ReduceL2 kReduceL2;
  return kReduceL2;
}

}  // namespace espalier
