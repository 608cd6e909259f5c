#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// Indices start, start + step, ... below end along `dim`.
class Slice : public Operator {
 public:
  std::string_view name() const override { return "Slice"; }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override {
    Dims dims = graph.dims(node, 0);
    Dim& along = dims[dim_at(node, dims, node.integer("dim"))];
    const std::int64_t start = node.integer("start"), end = node.integer("end"), step = node.integer("step");
    if (along.batch) refuse(node, "takes some of the examples");
    if (start < 0 || end > along.size || start >= end || step < 1)
      refuse(node, "takes " + std::to_string(start) + " to " + std::to_string(end) + " of " + to_string(dims));
    along.size = (end - start + step - 1) / step;
    return {dims};
  }

  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override {
    const Dims& dims = graph.dims(node, 0);
    const std::size_t along = dim_at(node, dims, node.integer("dim"));
    std::vector<std::int64_t> indices;
    for (std::int64_t i = node.integer("start"); i < node.integer("end"); i += node.integer("step"))
      indices.push_back(i);
    return select_indices(coupling, inputs[0], dims, along, indices, node);
  }

  Attributes narrowed(const OperatorGraph& graph, const Node& node, const KeptIndices& kept) const override {
    Attributes attributes = node.attributes;
    const std::size_t along = dim_at(node, graph.dims(node, 0), node.integer("dim"));
    std::vector<std::int64_t> indices;
    for (std::int64_t i = node.integer("start"); i < node.integer("end"); i += node.integer("step"))
      indices.push_back(i);
    const std::vector<std::int64_t> places = places_in(kept.kept(node.inputs[0], along), indices);
    if (places.empty()) refuse(node, "would take nothing");
    const std::int64_t step = places.size() > 1 ? places[1] - places[0] : 1;
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (places[i] != places[0] + static_cast<std::int64_t>(i) * step)
        refuse(node, "takes every " + std::to_string(node.integer("step")) + ". index, of which some leave");
    }
    attributes["start"] = places.front();
    attributes["end"] = places.back() + 1;
    attributes["step"] = step;
    return attributes;
  }
};

}  // namespace

const Operator& operator_slice() {
  static const Slice kSlice;
  return kSlice;
}

}  // namespace espalier
