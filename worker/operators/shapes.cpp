#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include "worker/operators/computations.h"

namespace espalier {
namespace {

/// Sizes of a result whose batch dimension is counted by the input's, if it has one.
std::vector<std::int64_t> sizes_for(const Computed& computed) {
  std::vector<std::int64_t> sizes = computed.node.integers("sizes");
  const std::int64_t batch = computed.node.integer("batch");
  const Dims& dims = computed.graph.dims(computed.node, 0);
  for (std::size_t i = 0; i < dims.size() && batch >= 0; ++i) {
    if (dims[i].batch)
      sizes[static_cast<std::size_t>(batch)] *= computed.x().size(static_cast<std::int64_t>(i)) / dims[i].size;
  }
  return sizes;
}

}  // namespace

at::Tensor compute_reshape(const Computed& computed) {
  return computed.x().reshape(sizes_for(computed));
}

at::Tensor compute_transpose(const Computed& computed) {
  return computed.x().permute(computed.node.integers("permutation"));
}

at::Tensor compute_concat(const Computed& computed) {
  return at::cat(at::TensorList(computed.inputs.data(), computed.inputs.size()), computed.node.integer("dim"));
}

at::Tensor compute_slice(const Computed& computed) {
  const Node& node = computed.node;
  return computed.x().slice(node.integer("dim"), node.integer("start"), node.integer("end"), node.integer("step"));
}

at::Tensor compute_gather(const Computed& computed) {
  const at::Tensor indices =
      at::tensor(computed.node.integers("indices"), at::TensorOptions(at::kLong)).to(computed.x().device());
  return at::index_select(computed.x(), computed.node.integer("dim"), indices);
}

at::Tensor compute_expand(const Computed& computed) {
  std::vector<std::int64_t> sizes = sizes_for(computed);
  // Where the examples are those of another value, that value is the second input.
  const std::int64_t batch = computed.node.integer("batch");
  if (batch >= 0 && computed.input(1).defined()) sizes[static_cast<std::size_t>(batch)] *= computed.inputs[1].size(0);
  return computed.x().expand(sizes);
}

at::Tensor compute_pad(const Computed& computed) {
  std::vector<std::int64_t> sizes;  // the last dimension's first
  const auto &before = computed.node.integers("before"), &after = computed.node.integers("after");
  for (std::size_t i = before.size(); i-- > 0;) {
    sizes.push_back(before[i]);
    sizes.push_back(after[i]);
  }
  return at::constant_pad_nd(computed.x(), sizes, computed.node.number("value"));
}

}  // namespace espalier
