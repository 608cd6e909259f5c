#include "experiments/operators/kinds/reduction.h"

namespace espalier {
namespace {

/// The largest, as Reduction has it.
class ReduceMax : public Reduction {
 public:
  std::string_view name() const override { return "ReduceMax"; }
};

}  // namespace

const Operator& operator_reduce_max() {
  static const ReduceMax kReduceMax;
  return kReduceMax;
}

}  // namespace espalier
