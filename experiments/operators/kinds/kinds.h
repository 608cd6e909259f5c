#pragma once

#include <vector>

#include "experiments/operators/operator.h"

namespace espalier {

/// operator_<suffix> for each line of operators.def.
#define ESPALIER_OPERATOR(suffix) const Operator& operator_##suffix();
#include "experiments/operators/operators.def"
#undef ESPALIER_OPERATOR

/// Those of elementwise.def and arithmetic.def.
std::vector<const Operator*> elementwise_operators();
std::vector<const Operator*> arithmetic_operators();

const std::vector<const Operator*>& all_operators();

/// The dims of two values computed index by index. Errors: as refuse().
Dims broadcast(const Node& node, const Dims& first, const Dims& second);

/// A window that moves over one dimension: how many places it has. Errors: as refuse().
struct Window {
  std::int64_t kernel = 1, stride = 1, padding = 0, dilation = 1;
  bool round_up = false;  ///< a last window may begin in the input and end beyond it
};
std::int64_t window_places(const Node& node, std::int64_t side, const Window& window);

/// x of [batch, channels, ...] with at least `spatial` dimensions after the channels. Errors: as refuse().
void need_image(const Node& node, const Dims& dims, std::size_t spatial);

/// What is left of a value when only these indices of a dimension are taken, in their order. An index that is taken
/// alone cannot leave.
CoupledDims select_indices(Coupling& coupling, CoupledDims value, const Dims& dims, std::size_t along,
                           const std::vector<std::int64_t>& indices, const Node& node);

/// Where each of the indices lies among those that are kept; what is not kept is left out.
std::vector<std::int64_t> places_in(const std::vector<std::int64_t>& kept, const std::vector<std::int64_t>& indices);

/// Unites the axes of two factors along the dimension that their product sums over, or that they share. Where one of
/// them cannot lose an index, the other cannot.
void couple_products(Coupling& coupling, const Node& node, const CoupledAxis* one, const CoupledAxis* other);

/// Inputs 1 to `end` - 1, where there are some, have one number for each channel of x, dimension 1. Errors: as
/// refuse().
void need_channel_tensors(const OperatorGraph& graph, const Node& node, std::size_t end);
/// And leave with the channels; `channels` may be null.
void couple_channel_tensors(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                            const std::vector<CoupledDims>& inputs, const CoupledAxis* channels, std::size_t end);

/// The node's attributes with the sizes that its output has then.
Attributes with_kept_sizes(const OperatorGraph& graph, const Node& node, const KeptIndices& kept);

/// Blocks all dimensions from `first` on.
void block_from(Coupling& coupling, CoupledDims& value, const Dims& dims, std::size_t first, const Node& node);

}  // namespace espalier
