#include "experiments/operators/kinds/kinds.h"

#include <algorithm>

namespace espalier {

const std::vector<const Operator*>& all_operators() {
  static const std::vector<const Operator*> kAll = [] {
    std::vector<const Operator*> all{
#define ESPALIER_OPERATOR(suffix) &operator_##suffix(),
#include "experiments/operators/operators.def"
#undef ESPALIER_OPERATOR
    };
    for (const auto& more : {elementwise_operators(), arithmetic_operators()})
      all.insert(all.end(), more.begin(), more.end());
    return all;
  }();
  return kAll;
}

Dims broadcast(const Node& node, const Dims& first, const Dims& second) {
  const Dims& longer = first.size() >= second.size() ? first : second;
  const Dims& shorter = first.size() >= second.size() ? second : first;
  Dims result = longer;
  const std::size_t offset = longer.size() - shorter.size();
  for (std::size_t i = 0; i < shorter.size(); ++i) {
    const Dim& one = longer[offset + i];
    const Dim& other = shorter[i];
    const bool repeats_one = one.size == 1 && !one.batch, repeats_other = other.size == 1 && !other.batch;
    if (one != other && !repeats_one && !repeats_other)
      refuse(node, "takes " + to_string(first) + " and " + to_string(second) + ", which do not fit together");
    result[offset + i] = repeats_one ? other : one;
  }
  return result;
}

std::int64_t window_places(const Node& node, std::int64_t side, const Window& window) {
  const std::int64_t padded = side + 2 * window.padding;
  const std::int64_t extent = window.dilation * (window.kernel - 1) + 1;
  if (window.kernel < 1 || window.stride < 1 || window.dilation < 1 || window.padding < 0)
    refuse(node, "has a window of no size");
  if (padded < extent) {
    refuse(node, "has a window of " + std::to_string(extent) + " pixels, but gets " + std::to_string(padded) +
                     "; the images are too small for this model");
  }
  if (!window.round_up) return (padded - extent) / window.stride + 1;
  const std::int64_t places = (padded - extent + window.stride - 1) / window.stride + 1;
  return (places - 1) * window.stride >= side + window.padding ? places - 1 : places;
}

void need_image(const Node& node, const Dims& dims, std::size_t spatial) {
  if (dims.size() != spatial + 2 || !dims[0].batch || dims[0].size != 1) {
    refuse(node,
           "takes examples of channels and " + std::to_string(spatial) + " dimensions, but gets " + to_string(dims));
  }
}

CoupledDims select_indices(Coupling& coupling, CoupledDims value, const Dims& dims, std::size_t along,
                           const std::vector<std::int64_t>& indices, const Node& node) {
  for (CoupledAxis& axis : value) {
    const auto found = std::ranges::find(axis.dims, along);
    if (found == axis.dims.end()) continue;
    std::size_t inner = 1;
    for (auto dim = found + 1; dim != axis.dims.end(); ++dim) inner *= static_cast<std::size_t>(dims[*dim].size);
    const std::size_t run = inner * static_cast<std::size_t>(dims[along].size);
    std::vector<Atom> taken;
    for (std::size_t first = 0; first < axis.atoms.size(); first += run) {
      for (const std::int64_t index : indices) {
        const auto begin =
            axis.atoms.begin() + static_cast<std::ptrdiff_t>(first + static_cast<std::size_t>(index) * inner);
        taken.insert(taken.end(), begin, begin + static_cast<std::ptrdiff_t>(inner));
      }
    }
    axis.atoms = std::move(taken);
    if (indices.size() > 1) continue;
    if (axis.dims.size() == 1) coupling.block(axis.atoms, node);
    axis.dims.erase(found);
  }
  std::erase_if(value, [](const CoupledAxis& axis) { return axis.dims.empty(); });
  return value;
}

std::vector<std::int64_t> places_in(const std::vector<std::int64_t>& kept, const std::vector<std::int64_t>& indices) {
  std::vector<std::int64_t> places;
  for (const std::int64_t index : indices) {
    const auto found = std::ranges::lower_bound(kept, index);
    if (found != kept.end() && *found == index) places.push_back(found - kept.begin());
  }
  return places;
}

void couple_products(Coupling& coupling, const Node& node, const CoupledAxis* one, const CoupledAxis* other) {
  if (one != nullptr && other != nullptr) {
    coupling.unite(one->atoms, other->atoms);
  } else if (one != nullptr || other != nullptr) {
    coupling.block((one != nullptr ? one : other)->atoms, node);
  }
}

void need_channel_tensors(const OperatorGraph& graph, const Node& node, std::size_t end) {
  const std::int64_t channels = graph.dims(node, 0)[1].size;
  for (std::size_t i = 1; i < end; ++i) {
    if (graph.has_input(node, i) && elements(graph.dims(node, i)) != channels)
      refuse_inputs(node, elements(graph.dims(node, i)), channels);
  }
}

void couple_channel_tensors(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                            const std::vector<CoupledDims>& inputs, const CoupledAxis* channels, std::size_t end) {
  for (std::size_t i = 1; i < end; ++i) {
    if (!graph.has_input(node, i)) continue;
    CoupledDims tensor = inputs[i];
    couple_products(coupling, node, channels, alone(coupling, tensor, graph.dims(node, i), 0));
  }
}

Attributes with_kept_sizes(const OperatorGraph& graph, const Node& node, const KeptIndices& kept) {
  Attributes attributes = node.attributes;
  std::vector<std::int64_t> sizes;
  for (std::size_t dim = 0; dim < graph.value(node.output).dims.size(); ++dim)
    sizes.push_back(kept.count(node.output, dim));
  attributes["sizes"] = sizes;
  return attributes;
}

void block_from(Coupling& coupling, CoupledDims& value, const Dims& dims, std::size_t first, const Node& node) {
  for (std::size_t dim = first; dim < dims.size(); ++dim) block_dim(coupling, value, dims, dim, node);
}

}  // namespace espalier
