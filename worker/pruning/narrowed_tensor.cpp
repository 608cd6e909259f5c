#include "worker/pruning/narrowed_tensor.h"

#include <cstdint>
#include <vector>

#include <ATen/ops/index_select.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

namespace espalier {
namespace {

at::Tensor taken(const at::Tensor& tensor, std::int64_t dim, const std::vector<std::int64_t>& indices) {
  return at::index_select(tensor, dim, at::tensor(indices, at::TensorOptions(at::kLong)));
}

}  // namespace

at::Tensor narrowed(const at::Tensor& tensor, const KeptTensor& kept) {
  if (!kept.inputs_by_group.empty()) {
    const std::int64_t rows = tensor.size(0) / std::ssize(kept.inputs_by_group);
    std::vector<at::Tensor> left;
    for (const std::int64_t row : kept.kept[0])
      left.push_back(taken(tensor[row], 0, kept.inputs_by_group[static_cast<std::size_t>(row / rows)]));
    return at::stack(left);
  }
  at::Tensor left = tensor;
  for (std::size_t dim = 0; dim < kept.kept.size(); ++dim) {
    if (std::ssize(kept.kept[dim]) != tensor.size(static_cast<std::int64_t>(dim)))
      left = taken(left, static_cast<std::int64_t>(dim), kept.kept[dim]);
  }
  return left;
}

}  // namespace espalier
