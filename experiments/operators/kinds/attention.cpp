#include <algorithm>
#include <utility>

#include "experiments/operators/kinds/kinds.h"

namespace espalier {
namespace {

/// Multi-head attention of queries [batch, tokens, width], keys and values [batch, others, ...]: softmax(q k^T /
/// divisor + bias) v in each head (Vaswani et al. 2017, arXiv:1706.03762, eq. (1)), heads side by side in the width. A
/// fourth input, if there is one, is the bias: [tokens, others] or [heads, tokens, others], any of them 1; of a mask it
/// is minus infinity. Attributes heads; key_value_heads, each shared by heads / key_value_heads consecutive ones
/// (Ainslie et al. 2023, arXiv:2305.13245); causal; divisor; dropout, or none: the probability that a match is dropped.
class Attention : public Operator {
 public:
  std::string_view name() const override { return "Attention"; }
  bool has(OperatorTrait trait) const override { return trait == OperatorTrait::attention; }

  Inferred infer(const OperatorGraph& graph, const Node& node) const override {
    const Dims& q = graph.dims(node, 0);
    const Dims& k = graph.dims(node, 1);
    const Dims& v = graph.dims(node, 2);
    const std::int64_t heads = node.integer("heads"), shared = node.integer("key_value_heads");
    if (q.size() != 3 || k.size() != 3 || v.size() != 3) refuse(node, "takes sequences, but gets " + to_string(q));
    // A block that lost all its heads is left with its output's bias.
    if (heads == 0 && shared == 0 && q[2].size + k[2].size + v[2].size == 0) return {{q[0], q[1], {0}}};
    if (heads < 1 || q[2].size % heads != 0) refuse(node, mismatch("heads", heads, q[2].size));
    if (shared < 1 || heads % shared != 0 || k[2].size * heads != q[2].size * shared || v[2].size % shared != 0)
      refuse(node, mismatch("key-value heads", shared, k[2].size));
    if (k[1] != v[1]) refuse_inputs(node, k[1].size, v[1].size);
    if (graph.has_input(node, 3)) need_bias(graph, node);
    return {{q[0], q[1], {v[2].size / shared * heads}}};
  }

  Madds madds(const OperatorGraph& graph, const Node& node) const override {
    const Dims& q = graph.dims(node, 0);
    const std::int64_t others = graph.dims(node, 1)[1].size;
    return {0, q[1].size * others * (q[2].size + graph.value(node.output).dims[2].size)};
  }

  CoupledDims couple(Coupling& coupling, const OperatorGraph& graph, const Node& node,
                     const std::vector<CoupledDims>& inputs) const override {
    const auto shared = static_cast<std::size_t>(node.integer("key_value_heads"));
    std::vector<CoupledDims> parts(inputs.begin(), inputs.begin() + 3);
    std::vector<const CoupledAxis*> widths;
    for (std::size_t i = 0; i < 3; ++i) {
      block_dim(coupling, parts[i], graph.dims(node, i), 1, node);
      widths.push_back(alone(coupling, parts[i], graph.dims(node, i), 2));
    }
    if (widths[0] == nullptr || widths[1] == nullptr || widths[2] == nullptr) {
      for (const CoupledDims& part : parts) block_all(coupling, part, node);
      return {};
    }
    // A key-value head goes with all the queries that use it.
    for (std::size_t head = 0; head < shared; ++head) {
      const Atom first = widths[2]->atoms[head * widths[2]->atoms.size() / shared];
      for (const CoupledAxis* width : widths) {
        const std::size_t slices = width->atoms.size() / shared;
        for (std::size_t i = head * slices; i < (head + 1) * slices; ++i) coupling.unite(first, width->atoms[i]);
      }
    }
    coupling.mark_heads(widths[2]->atoms);
    if (graph.has_input(node, 3)) couple_bias(coupling, graph, node, inputs[3], *widths[2]);
    const auto out = static_cast<std::size_t>(graph.value(node.output).dims[2].size);
    CoupledAxis result{{2}, {}, widths[2]->removed == 0.0 ? std::optional(0.0) : std::nullopt};
    for (std::size_t i = 0; i < out; ++i)
      result.atoms.push_back(widths[2]->atoms[i / (out / shared) * (widths[2]->atoms.size() / shared)]);
    return {result};
  }

  Attributes narrowed(const OperatorGraph& graph, const Node& node, const KeptIndices& kept) const override {
    Attributes attributes = node.attributes;
    for (const auto& [name, input] : {std::pair("heads", 0), std::pair("key_value_heads", 1)}) {
      const std::size_t place = static_cast<std::size_t>(input);
      const std::int64_t width = graph.dims(node, place)[2].size / std::max<std::int64_t>(node.integer(name), 1);
      attributes[name] = width == 0 ? 0 : kept.count(node.inputs[place], 2) / width;
    }
    return attributes;
  }

 private:
  static void need_bias(const OperatorGraph& graph, const Node& node) {
    const Dims& bias = graph.dims(node, 3);
    const Dims wanted{{node.integer("heads")}, {graph.dims(node, 0)[1].size}, {graph.dims(node, 1)[1].size}};
    bool fits = bias.size() == 2 || bias.size() == 3;
    for (std::size_t i = 0; i < bias.size() && fits; ++i)
      fits = !bias[i].batch && (bias[i].size == 1 || bias[i] == wanted[i + 3 - bias.size()]);
    if (!fits) refuse(node, "cannot add " + to_string(bias) + " to matches of " + to_string(wanted));
  }

  /// What is added to a head's matches leaves with the head; tokens stay.
  static void couple_bias(Coupling& coupling, const OperatorGraph& graph, const Node& node, CoupledDims bias,
                          const CoupledAxis& values) {
    const Dims& dims = graph.dims(node, 3);
    const std::size_t tokens = dims.size() - 2;
    for (std::size_t dim = tokens; dim < dims.size(); ++dim) block_dim(coupling, bias, dims, dim, node);
    if (tokens == 0 || dims[0].size == 1) return;
    const auto heads = static_cast<std::size_t>(dims[0].size);
    const auto shared = static_cast<std::size_t>(node.integer("key_value_heads"));
    const CoupledAxis* axis = alone(coupling, bias, dims, 0);
    if (axis == nullptr) return coupling.block(values.atoms, node);
    for (std::size_t head = 0; head < heads; ++head)
      coupling.unite(axis->atoms[head], values.atoms[head / (heads / shared) * (values.atoms.size() / shared)]);
  }

  static std::string mismatch(const char* what, std::int64_t heads, std::int64_t width) {
    return "cannot share a width of " + std::to_string(width) + " among " + std::to_string(heads) + " " + what;
  }
};

}  // namespace

const Operator& operator_attention() {
  static const Attention kAttention;
  return kAttention;
}

}  // namespace espalier
