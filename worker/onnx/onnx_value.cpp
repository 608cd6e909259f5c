#include "worker/onnx/onnx_value.h"

#include <utility>

#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>

namespace espalier {

OnnxConstant::OnnxConstant(at::Tensor of_some, at::Tensor of_others) : tensor(std::move(of_some)) {
  const bool same = tensor.sizes() == of_others.sizes() && tensor.scalar_type() == of_others.scalar_type() &&
                    at::equal(tensor, of_others);
  if (!same) other = std::move(of_others);
}

std::optional<Dims> OnnxConstant::as_dims() const {
  if (tensor.scalar_type() != at::kLong || tensor.dim() > 1) return std::nullopt;
  const at::Tensor some = tensor.contiguous();
  Dims dims;
  for (std::int64_t i = 0; i < some.numel(); ++i) dims.push_back({some.data_ptr<std::int64_t>()[i]});
  if (!depends_on_batch()) return dims;
  if (other.sizes() != tensor.sizes()) return std::nullopt;
  const at::Tensor others = other.contiguous();
  for (std::int64_t i = 0; i < some.numel(); ++i) {
    const std::int64_t one = some.data_ptr<std::int64_t>()[i], another = others.data_ptr<std::int64_t>()[i];
    if (one == another) continue;
    const std::int64_t of_each = one / kSome;
    if (of_each < 1 || one != of_each * kSome || another != of_each * kOthers) return std::nullopt;
    dims[static_cast<std::size_t>(i)] = {of_each, true};
  }
  return dims;
}

OnnxConstant OnnxConstant::of_dims(const Dims& dims) {
  const auto sizes_for = [&](std::int64_t examples) {
    at::Tensor sizes = at::empty({static_cast<std::int64_t>(dims.size())}, at::TensorOptions(at::kLong));
    for (std::size_t i = 0; i < dims.size(); ++i)
      sizes.data_ptr<std::int64_t>()[i] = dims[i].batch ? dims[i].size * examples : dims[i].size;
    return sizes;
  };
  return {sizes_for(kSome), sizes_for(kOthers)};
}

}  // namespace espalier
