#include "experiments/operators/operator.h"

#include "base/error.h"
#include "experiments/operators/kinds/kinds.h"

namespace espalier {

const Operator& find_operator(std::string_view name) {
  for (const Operator* one : all_operators()) {
    if (one->name() == name) return *one;
  }
  throw Error(ErrorKind::invalid_input, "model: there is no operator " + std::string(name));
}

void refuse(const Node& node, const std::string& what) {
  throw Error(ErrorKind::invalid_input, "model: " + node.name + " " + what);
}

void refuse_inputs(const Node& node, std::int64_t takes, std::int64_t gets) {
  refuse(node, "takes " + std::to_string(takes) + " inputs, but gets " + std::to_string(gets));
}

std::size_t dim_at(const Node& node, const Dims& dims, std::int64_t dim) {
  const auto count = static_cast<std::int64_t>(dims.size());
  if (dim < -count || dim >= count)
    refuse(node, "is told of dimension " + std::to_string(dim) + " of " + to_string(dims));
  return static_cast<std::size_t>(dim < 0 ? dim + count : dim);
}

}  // namespace espalier
