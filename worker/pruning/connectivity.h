#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "experiments/models/model_description.h"
#include "experiments/stages/outcome.h"

namespace espalier {

/// Byte masks (1 = kept, 0 = removed, row-major) by the names of the parameters they cover: "fc1.weight", "bn1.weight".
/// A parameter without a mask is kept whole.
using MaskViews = std::map<std::string, std::span<const std::uint8_t>>;

/// Of a prunable layer.
struct LayerPaths {
  std::string layer;
  std::int64_t dead_units = 0;  ///< outputs (rows, filters) that no path passes
  std::int64_t effective = 0;   ///< kept weights that lie on a path
};

struct Paths {
  Connectivity connectivity;
  std::vector<LayerPaths> layers;  ///< in the order of prunable_layers()
};

/// Which weights lie on a path of kept weights from an input to an output; those that do not cannot change what the
/// network computes, and do not count as kept. Paper: Vysogorets & Kempe 2021, arXiv:2107.02306 (effective sparsity).
/// A forward pass finds the channels that the input reaches, a backward pass those that reach the output; a kept weight
/// counts if it leads from one of the first to one of the second. Linear in the weights.
///
/// What carries a path: a kernel of a convolution with any kept element, wherever its window lies; either branch of a
/// residual, an empty shortcut channel by channel; a batch norm channel by channel where its scale is kept; a layer
/// norm, whose mean and deviation are of all channels, from every channel to every one whose scale is kept. In an
/// attention, a head passes what its values and the columns of o pass; queries and keys count only beside such a path,
/// row d of q where row d of k sees the input (a constant added to all matches changes no softmax), row d of k where
/// row d of q sees it or has its bias. Any other operator carries a path from each index of its inputs to those of its
/// output that it couples with it (experiments/operators/operator.h), and from indices that it cannot do without to
/// all: where it does not tell them apart, more counts as effective than is. Biases carry no path: a unit with nothing
/// but its bias is a constant.
///
/// Errors: ErrorKind::internal for a mask that has another size than its parameter.
Paths find_paths(const ModelDescription& model, const MaskViews& masks);

/// Writes find_paths into what a stage that leaves masks reports: connectivity, LayerCount::effective and dead_units of
/// the layers counted there, and a warning for each emptied layer and for a network without a path. Of a model whose
/// operators are not known only emptied layers are reported.
void report_paths(const ModelDescription& model, const MaskViews& masks, StageOutcome& outcome);

}  // namespace espalier
