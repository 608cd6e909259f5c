#include <algorithm>

#include "experiments/operators/operator.h"
#include "experiments/operators/rewrites/match.h"
#include "experiments/operators/rewrites/rewrite.h"

namespace espalier {
namespace {

/// The dimension that a reshape splits, `parts` dimensions of `split` from `dim` on.
struct SplitDim {
  std::size_t dim = 0, parts = 0;
};

std::optional<SplitDim> split_dim(const Dims& whole, const Dims& split) {
  if (split.size() <= whole.size()) return std::nullopt;
  const std::size_t parts = split.size() - whole.size() + 1;
  const auto differ = std::ranges::mismatch(whole, split);
  const auto dim = static_cast<std::size_t>(differ.in1 - whole.begin());
  if (dim == whole.size() || whole[dim].batch) return std::nullopt;
  const bool rest = std::equal(whole.begin() + static_cast<std::ptrdiff_t>(dim) + 1, whole.end(),
                               split.begin() + static_cast<std::ptrdiff_t>(dim + parts), split.end());
  return rest ? std::optional(SplitDim{dim, parts}) : std::nullopt;
}

}  // namespace

/// Zhang et al. 2018, arXiv:1707.01083: Reshape(Transpose(Reshape(x))) that splits one dimension, turns its parts, and
/// joins them again, is Gather(x).
std::optional<Replacement> rewrite_channel_shuffle(const OperatorGraph& graph, const Node& last) {
  if (last.op->name() != "Reshape") return std::nullopt;
  const Node* turned = input_made_by(graph, &last, 0, "Transpose");
  const Node* splits = input_made_by(graph, turned, 0, "Reshape");
  if (splits == nullptr || graph.dims(*splits, 0) != graph.value(last.output).dims) return std::nullopt;
  const Dims& split = graph.dims(*turned, 0);
  const auto found = split_dim(graph.dims(*splits, 0), split);
  if (!found) return std::nullopt;
  const auto& permutation = turned->integers("permutation");
  for (std::size_t i = 0; i < permutation.size(); ++i) {
    const bool inside = i >= found->dim && i < found->dim + found->parts;
    if (!inside && permutation[i] != static_cast<std::int64_t>(i)) return std::nullopt;
  }
  // Steps of the parts, in the order after the turn.
  std::vector<std::int64_t> sizes, steps;
  for (std::size_t i = found->dim; i < found->dim + found->parts; ++i) {
    const auto part = static_cast<std::size_t>(permutation[i]);
    std::int64_t step = 1;
    for (std::size_t inner = part + 1; inner < found->dim + found->parts; ++inner) step *= split[inner].size;
    sizes.push_back(split[part].size);
    steps.push_back(step);
  }
  std::vector<std::int64_t> indices{0};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    std::vector<std::int64_t> more;
    for (const std::int64_t index : indices) {
      for (std::int64_t n = 0; n < sizes[i]; ++n) more.push_back(index + n * steps[i]);
    }
    indices = std::move(more);
  }
  return Replacement{
      "Gather", "", {splits->inputs[0]}, {{"dim", static_cast<std::int64_t>(found->dim)}, {"indices", indices}}};
}

}  // namespace espalier
