#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/catalog/granularity.h"
#include "experiments/models/model_description.h"

namespace espalier {

/// One tensor of a scope, or a part of it that belongs to its units.
struct ScopeMember {
  enum class Part {
    outputs,         ///< slices of LAYER.weight along its outputs; for channels and heads of its bias too
    inputs,          ///< slices of LAYER.weight along its inputs: what reads the unit
    grouped_inputs,  ///< the same of a convolution in groups: input i is index i mod (in / groups), in the rows of its
                     ///< group
    norm,            ///< elements of NORM.weight and NORM.bias of a batch norm
    tensor,          ///< slices of the parameter that is called so
    whole            ///< all of LAYER.weight and its bias: one unit
  } part = Part::outputs;
  std::string layer;  ///< "conv1", the norm's "bn1", or a parameter's name
  std::int64_t step =
      1;  ///< unit u is slices u * step .. of the dimension: rows of a head; pixels of a flattened channel
  std::vector<std::int32_t> unit_of = {};  ///< where that is not so: the unit of each slice, -1 for none
  std::int64_t dimension =
      0;  ///< that is cut: of a layer's weight 0 for outputs and 1 for inputs, but where it is transposed
  std::int64_t groups = 1;  ///< of part grouped_inputs, and of outputs of a convolution that is not depthwise
  /// What reads a unit need not be removed where it reads zeros then. Heads: it is.
  bool goes = true;

  bool operator==(const ScopeMember&) const = default;
  bool reads() const { return part == Part::inputs || part == Part::grouped_inputs; }
  /// Slices of the dimension, of a scope with so many units; not of part whole.
  std::int64_t slices(std::int64_t units) const {
    return unit_of.empty() ? units * step : static_cast<std::int64_t>(unit_of.size());
  }
  /// The unit of a slice, -1 for none.
  std::int64_t unit(std::int64_t slice) const {
    return unit_of.empty() ? slice / step : unit_of[static_cast<std::size_t>(slice)];
  }
};

/// What is ranked together under a count of its own, and the units it has. For weight, block, n:m, row and filter a
/// scope is a layer; for channel a set of layers whose outputs are coupled (through sums and norms); for head an
/// attention; for layer the whole network, each unit a block.
struct PruneScope {
  std::string name;  ///< the layer's; the first layer's of a coupled set; the attention's; "blocks"
  std::int64_t units = 0;
  std::vector<ScopeMember> members;  ///< in the model's order
  std::vector<std::string> blocks;  ///< of granularity layer: the units' names; members[i] belongs to unit `unit_of[i]`
  std::vector<std::int64_t> unit_of;
  std::int64_t rows = 1;     ///< weight, n:m: rows of the matrix [out, in * kernel area], for per-row counts
  std::int64_t weights = 0;  ///< prunable weights that go if all units do

  bool operator==(const PruneScope&) const = default;
};

/// In the model's order, which is the order of ties and of PruneTarget::layer_kept. Left out: scopes with a protected
/// member, those that the granularity does not apply to (rows of a Conv layer, the network's outputs), and those that
/// the criterion cannot score (catalog/criteria.def lists the inputs of a criterion). Errors: ErrorKind::invalid_input,
/// naming the layer, for n:m on a layer whose inputs m does not divide, and for a granularity or criterion that nothing
/// in this model fits.
std::vector<PruneScope> prune_scopes(const ModelDescription& model, const Granularity& granularity,
                                     const std::string& criterion, const std::vector<std::string>& protect);

/// Those of the random control, which can score every unit.
std::vector<PruneScope> prune_scopes(const ModelDescription& model, const Granularity& granularity,
                                     const std::vector<std::string>& protect);

}  // namespace espalier
