#include "experiments/operators/kinds/reduction.h"

namespace espalier {
namespace {

/// The mean, as Reduction has it.
class ReduceMean : public Reduction {
 public:
  std::string_view name() const override { return "ReduceMean"; }
};

}  // namespace

const Operator& operator_reduce_mean() {
  static const ReduceMean kReduceMean;
  return kReduceMean;
}

}  // namespace espalier
