#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "experiments/models/model_description.h"
#include "experiments/operators/operator_graph.h"

namespace espalier {

/// The matrix [out, in / groups] of a layer's kernels, and which of them have a kept element: all that paths need to
/// know of a layer. Of a Linear a kernel is one weight. The outputs of a group see its inputs alone. Bytes are 1 or 0,
/// one a channel. `mask` (row-major, as the weight; empty: all kept) outlives the matrix. Linear in the weights.
class KernelMatrix {
 public:
  using Bytes = std::vector<std::uint8_t>;
  using View = std::span<const std::uint8_t>;

  /// `node` is that of the layer.
  KernelMatrix(const PrunableLayer& layer, const Node& node, View mask);

  std::size_t outputs() const { return outputs_; }
  std::size_t inputs() const { return inputs_ * groups_; }  ///< of all groups

  /// Which outputs a kept kernel joins to one of these inputs.
  Bytes forward(View inputs) const;
  /// Which inputs a kept kernel joins to one of these outputs.
  Bytes backward(View outputs) const;
  /// Kept elements of kernels from such inputs to such outputs.
  std::int64_t effective(View inputs, View outputs) const;

 private:
  void put_outputs_first();
  View row(std::size_t out) const;
  View of_group(View inputs, std::size_t group) const { return inputs.subspan(group * inputs_, inputs_); }
  std::size_t first(std::size_t group) const { return group * (outputs_ / groups_); }

  std::size_t groups_, outputs_, inputs_, area_;  // inputs of a group
  View mask_;                                     // [out, in / groups, area]; empty: all kept
  Bytes turned_;                                  // what mask_ views, where the weight has its inputs first
  Bytes held_;                                    // of kernels larger than one element
};

bool any_set(KernelMatrix::View bytes);
bool any_common(KernelMatrix::View a, KernelMatrix::View b);
std::int64_t count_common(KernelMatrix::View a, KernelMatrix::View b);

}  // namespace espalier
