#include "worker/pruning/kernel_matrix.h"

#include <algorithm>

#include "experiments/operators/operator.h"

namespace espalier {
namespace {

std::int64_t sum_of_bytes(KernelMatrix::View bytes) {
  std::uint32_t total = 0;
  for (const std::uint8_t byte : bytes) total += byte;
  return total;
}

}  // namespace

bool any_set(KernelMatrix::View bytes) {
  return std::ranges::any_of(bytes, [](std::uint8_t byte) { return byte != 0; });
}

bool any_common(KernelMatrix::View a, KernelMatrix::View b) {
  constexpr std::size_t kChunk = 256;  // without a branch inside, so that it is vectorized
  for (std::size_t first = 0; first < a.size(); first += kChunk) {
    std::uint8_t found = 0;
    for (std::size_t i = first; i < std::min(first + kChunk, a.size()); ++i)
      found = static_cast<std::uint8_t>(found | (a[i] & b[i]));
    if (found != 0) return true;
  }
  return false;
}

std::int64_t count_common(KernelMatrix::View a, KernelMatrix::View b) {
  std::uint32_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += a[i] & b[i];
  return count;
}

KernelMatrix::KernelMatrix(const PrunableLayer& layer, const Node& node, View mask)
    : groups_(node.attributes.contains("groups") ? static_cast<std::size_t>(node.integer("groups")) : 1),
      outputs_(static_cast<std::size_t>(layer.shape[0])),
      inputs_(static_cast<std::size_t>(layer.shape[1])),
      area_(static_cast<std::size_t>(layer.weights) / (outputs_ * inputs_)),
      mask_(mask) {
  if (node.op->has(OperatorTrait::transposed)) put_outputs_first();
  if (area_ == 1 || mask_.empty()) return;
  held_.resize(outputs_ * inputs_);
  for (std::size_t kernel = 0; kernel < held_.size(); ++kernel) {
    std::uint8_t found = 0;
    for (std::size_t i = 0; i < area_; ++i) found = static_cast<std::uint8_t>(found | mask_[kernel * area_ + i]);
    held_[kernel] = found;
  }
}

/// Of a weight [in, out / groups, ...].
void KernelMatrix::put_outputs_first() {
  const std::size_t all_inputs = outputs_, outputs_of_group = inputs_;
  outputs_ = outputs_of_group * groups_;
  inputs_ = all_inputs / groups_;
  if (mask_.empty()) return;
  turned_.resize(mask_.size());
  for (std::size_t in = 0; in < all_inputs; ++in) {
    for (std::size_t out = 0; out < outputs_of_group; ++out) {
      const std::size_t row = in / inputs_ * outputs_of_group + out;
      std::ranges::copy(mask_.subspan((in * outputs_of_group + out) * area_, area_),
                        turned_.begin() + static_cast<std::ptrdiff_t>((row * inputs_ + in % inputs_) * area_));
    }
  }
  mask_ = turned_;
}

KernelMatrix::View KernelMatrix::row(std::size_t out) const {
  return mask_.empty() ? mask_ : (held_.empty() ? mask_ : View(held_)).subspan(out * inputs_, inputs_);
}

KernelMatrix::Bytes KernelMatrix::forward(View inputs) const {
  Bytes reached(outputs_);
  for (std::size_t group = 0; group < groups_; ++group) {
    const View seen = of_group(inputs, group);
    const bool all = mask_.empty() && any_set(seen);
    for (std::size_t out = first(group); out < first(group + 1); ++out)
      reached[out] = (mask_.empty() ? all : any_common(row(out), seen)) ? 1 : 0;
  }
  return reached;
}

KernelMatrix::Bytes KernelMatrix::backward(View outputs) const {
  Bytes needed(inputs());
  for (std::size_t group = 0; group < groups_; ++group) {
    std::uint8_t* inputs = needed.data() + group * inputs_;
    for (std::size_t out = first(group); out < first(group + 1); ++out) {
      if (outputs[out] == 0) continue;
      const View kernels = row(out);
      for (std::size_t in = 0; in < inputs_; ++in)
        inputs[in] = static_cast<std::uint8_t>(inputs[in] | (mask_.empty() ? 1 : kernels[in]));
      if (mask_.empty()) break;
    }
  }
  return needed;
}

std::int64_t KernelMatrix::effective(View inputs, View outputs) const {
  std::int64_t count = 0;
  for (std::size_t out = 0; out < outputs_; ++out) {
    if (outputs[out] == 0) continue;
    const View seen = of_group(inputs, out / (outputs_ / groups_));
    if (mask_.empty()) {
      count += sum_of_bytes(seen) * static_cast<std::int64_t>(area_);
    } else if (area_ == 1) {
      count += count_common(row(out), seen);
    } else {
      for (std::size_t in = 0; in < inputs_; ++in)
        if (seen[in] != 0) count += sum_of_bytes(mask_.subspan((out * inputs_ + in) * area_, area_));
    }
  }
  return count;
}

}  // namespace espalier
