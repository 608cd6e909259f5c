#include "worker/operators/computations.h"

#include "base/error.h"
#include "experiments/operators/kinds/kinds.h"

namespace espalier {

Computation computation_of(const Operator& op) {
#define ESPALIER_OPERATOR(suffix) \
  if (&op == &operator_##suffix()) return &compute_##suffix;
#include "experiments/operators/operators.def"
#undef ESPALIER_OPERATOR
  if (const Computation function = function_called(op.name())) return function;
  throw Error(ErrorKind::internal, "operator " + std::string(op.name()) + " is listed, but nothing computes it");
}

}  // namespace espalier
