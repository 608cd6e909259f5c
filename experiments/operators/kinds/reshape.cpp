#include <algorithm>

#include "experiments/operators/kinds/kinds.h"

// Both shapes are cut into the smallest runs of dimensions with equally many indices: [N, 64, 7, 7] to [N, 3136] has
// the runs N to N, and 64, 7, 7 to 3136. Within a run, indices move by arithmetic; the batch's dimension begins a run.

namespace espalier {
namespace {

struct Run {
  std::size_t from = 0, from_end = 0;  // dimensions of the input
  std::size_t to = 0, to_end = 0;      // of the result
};

/// None if the shapes have different numbers of indices, or the batch would come to lie inside a dimension.
std::vector<Run> runs_of(const Dims& from, const Dims& to) {
  std::vector<Run> runs;
  Run run;
  std::int64_t before = 1, after = 1;
  const auto batches = [](const Dims& dims, std::size_t first, std::size_t end) {
    return std::count_if(dims.begin() + static_cast<std::ptrdiff_t>(first),
                         dims.begin() + static_cast<std::ptrdiff_t>(end), [](const Dim& dim) { return dim.batch; });
  };
  const auto begins_with_batch = [&](const Dims& dims, std::size_t first, std::size_t end) {
    while (first < end && !dims[first].batch && dims[first].size == 1) ++first;
    return first < end && dims[first].batch;
  };
  while (run.from_end < from.size() || run.to_end < to.size()) {
    const auto batches_before = batches(from, run.from, run.from_end), batches_after = batches(to, run.to, run.to_end);
    const bool has_from = run.from_end > run.from, has_to = run.to_end > run.to;
    // Take in more of the side that is behind.
    bool more_from = !has_from || before < after || (before == after && has_to && batches_before < batches_after);
    if (run.from_end == from.size()) more_from = false;
    if (run.to_end == to.size()) more_from = true;
    if (more_from && run.from_end == from.size()) break;
    if (more_from) {
      before *= from[run.from_end++].size;
    } else {
      after *= to[run.to_end++].size;
    }
    const auto batched = batches(from, run.from, run.from_end);
    const bool agree =
        before == after && run.from_end > run.from && run.to_end > run.to && batched == batches(to, run.to, run.to_end);
    if (!agree) continue;
    const bool fits = batched == 0 || (batched == 1 && begins_with_batch(from, run.from, run.from_end) &&
                                       begins_with_batch(to, run.to, run.to_end));
    if (!fits) return {};
    runs.push_back(run);
    run = {run.from_end, run.from_end, run.to_end, run.to_end};
    before = after = 1;
  }
  if (run.from != run.from_end || run.to != run.to_end) {
    // Dimensions of one index that are left over belong to the last run.
    const bool is_batch = batches(from, run.from, run.from_end) + batches(to, run.to, run.to_end) > 0;
    if (before != 1 || after != 1 || is_batch || runs.empty()) return {};
    runs.back().from_end = from.size();
    runs.back().to_end = to.size();
  }
  return runs;
}

/// The same indices in another shape. Attributes sizes: those of the result, for one example; batch: which of them is
/// the batch's, -1 for none.
class Reshape : public Operator {
 public:
  std::string_view name() const override { return "Reshape"; }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override {
    const Dims& from = graph.dims(node, 0);
    Dims dims = dims_of(node.integers("sizes"));
    if (node.integer("batch") >= 0) dims[dim_at(node, dims, node.integer("batch"))].batch = true;
    if (runs_of(from, dims).empty() && !(from.empty() && elements(dims) == 1))
      refuse(node, "cannot give " + to_string(from) + " the shape " + to_string(dims));
    return {dims};
  }

  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override {
    const Dims& from = graph.dims(node, 0);
    const Dims& to = graph.value(node.output).dims;
    const std::vector<Run> runs = runs_of(from, to);
    CoupledDims value = inputs[0];
    CoupledDims result = take_unchanged(value, from, to, runs);
    for (const Run& run : runs) {
      bring_to_one(coupling, value, from, run, node);
      for (const CoupledAxis& axis : value) {
        if (axis.dims[0] >= run.from && axis.dims[0] < run.from_end) result.push_back(reshaped(axis, from, to, run));
      }
    }
    return result;
  }

  Attributes narrowed(const OperatorGraph& graph, const Node& node, const KeptIndices& kept) const override {
    return with_kept_sizes(graph, node, kept);
  }

 private:
  /// Axes over dimensions that stay as they are, if at another place; they are taken out of `value`.
  static CoupledDims take_unchanged(CoupledDims& value, const Dims& from, const Dims& to,
                                    const std::vector<Run>& runs) {
    std::vector<std::size_t> places(from.size(), to.size());  // to.size(): changes
    const auto lone = [](const Dims& dims, std::size_t first, std::size_t end) {
      std::size_t found = dims.size();
      for (std::size_t i = first; i < end; ++i) {
        if (dims[i].size > 1) found = found == dims.size() ? i : dims.size() + 1;
      }
      return found;
    };
    for (const Run& run : runs) {
      const std::size_t before = lone(from, run.from, run.from_end), after = lone(to, run.to, run.to_end);
      if (before < from.size() && after < to.size()) places[before] = after;
    }
    CoupledDims unchanged;
    std::erase_if(value, [&](CoupledAxis& axis) {
      if (std::ranges::any_of(axis.dims, [&](std::size_t dim) { return places[dim] == to.size(); })) return false;
      for (std::size_t& dim : axis.dims) dim = places[dim];
      unchanged.push_back(std::move(axis));
      return true;
    });
    return unchanged;
  }

  /// At most one axis is left in a run that changes its shape, and it lies in no other run.
  static void bring_to_one(Coupling& coupling, CoupledDims& value, const Dims& dims, const Run& run, const Node& node) {
    const auto inside = [&](std::size_t dim) { return dim >= run.from && dim < run.from_end; };
    for (bool again = true; again;) {
      again = false;
      for (const CoupledAxis& axis : value) {
        const auto within = static_cast<std::size_t>(std::ranges::count_if(axis.dims, inside));
        if (within == 0 || within == axis.dims.size()) continue;
        alone(coupling, value, dims, axis.dims[0]);
        again = true;
        break;
      }
    }
    bool found = false;
    std::vector<std::size_t> others;
    for (const CoupledAxis& axis : value) {
      if (!inside(axis.dims[0])) continue;
      if (found) others.push_back(axis.dims[0]);
      found = true;
    }
    if (run.from_end - run.from == 1 || others.empty()) return;
    for (const std::size_t dim : others) block_dim(coupling, value, dims, dim, node);
  }

  /// Which dimensions an axis over some of a run's dimensions covers afterwards: all of the run's.
  static CoupledAxis reshaped(const CoupledAxis& axis, const Dims& from, const Dims& to, const Run& run) {
    CoupledAxis result{{}, {}, axis.removed};
    // Where only some of the input's dimensions vary the atoms, the leading ones of the result may be enough.
    std::int64_t total = 1;
    for (std::size_t i = run.from; i < run.from_end; ++i) total *= from[i].size;
    std::vector<Atom> atoms(static_cast<std::size_t>(total));
    std::vector<std::size_t> index(run.from_end - run.from, 0);
    for (Atom& atom : atoms) {
      std::size_t place = 0;
      for (const std::size_t dim : axis.dims)
        place = place * static_cast<std::size_t>(from[dim].size) + index[dim - run.from];
      atom = axis.atoms[place];
      for (std::size_t i = index.size(); i-- > 0;) {
        if (++index[i] < static_cast<std::size_t>(from[run.from + i].size)) break;
        index[i] = 0;
      }
    }
    for (std::size_t i = run.to; i < run.to_end; ++i)
      if (to[i].size > 1) result.dims.push_back(i);
    result.atoms = std::move(atoms);
    drop_repeated(result, to);
    return result;
  }

  /// Takes away dimensions along which the atoms do not change.
  static void drop_repeated(CoupledAxis& axis, const Dims& dims) {
    for (std::size_t d = axis.dims.size(); d-- > 0 && axis.dims.size() > 1;) {
      std::size_t inner = 1;
      for (std::size_t i = d + 1; i < axis.dims.size(); ++i) inner *= static_cast<std::size_t>(dims[axis.dims[i]].size);
      const auto size = static_cast<std::size_t>(dims[axis.dims[d]].size);
      std::vector<Atom> once;
      bool same = true;
      for (std::size_t first = 0; first < axis.atoms.size() && same; first += inner * size) {
        for (std::size_t i = 0; i < inner; ++i) {
          once.push_back(axis.atoms[first + i]);
          for (std::size_t j = 1; j < size; ++j)
            same = same && axis.atoms[first + j * inner + i] == axis.atoms[first + i];
        }
      }
      if (!same) continue;
      axis.dims.erase(axis.dims.begin() + static_cast<std::ptrdiff_t>(d));
      axis.atoms = std::move(once);
    }
  }
};

}  // namespace

const Operator& operator_reshape() {
  static const Reshape kReshape;
  return kReshape;
}

}  // namespace espalier
