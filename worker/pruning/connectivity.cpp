// The network becomes links between vertices (path_links.h): a vertex is an index of one dimension of a value, such as
// a channel. Layers, norms and attentions have links of their own. Of every other operator, what leads where is what it
// couples (operator.h), asked of it alone: an index of its output is reached by those of its inputs that would have to
// leave with it, and by all that it cannot do without.
#include "worker/pruning/connectivity.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "experiments/operators/operator.h"
#include "worker/pruning/kernel_matrix.h"
#include "worker/pruning/path_links.h"

namespace espalier {
namespace {

using MaskBytes = KernelMatrix::View;
using Vertices = PathLinks::Vertices;

/// The vertices of a value along some of its dimensions, row-major as those of a CoupledAxis; without dimensions one
/// vertex for all of it.
struct PathStream {
  std::vector<std::size_t> dims;
  Vertices vertices;
};

class PathFinder {
 public:
  PathFinder(const ModelDescription& model, const MaskViews& masks)
      : masks_(masks), graph_(*model.graph), layers_(prunable_layers(model)), streams_(graph_.values().size()) {
    kernels_.reserve(layers_.size());
    for (const PrunableLayer& layer : layers_)
      kernels_.emplace_back(layer, layer_node(graph_, layer.name),
                            mask_of(layer.name + ".weight", static_cast<std::size_t>(layer.weights)));
    ends_.resize(layers_.size());
    streams_[graph_.input()] = {{}, {links_.add_vertex(true)}};
    for (const Node& node : graph_.nodes()) streams_[node.output] = add(node);
  }

  Paths find() {
    const Vertices& end = streams_[graph_.output()].vertices;
    links_.follow(end);
    Paths paths;
    paths.connectivity.connected = any_set(links_.reached(end));
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const auto& [from, to] = ends_[i];
      LayerPaths& layer = paths.layers.emplace_back();
      layer.layer = layers_[i].name;
      layer.effective = kernels_[i].effective(links_.reached(from), links_.needed(to));
      layer.dead_units = static_cast<std::int64_t>(to.size()) - count_common(links_.reached(to), links_.needed(to));
      paths.connectivity.effective_kept += layer.effective;
      paths.connectivity.dead_units += layer.dead_units;
    }
    return paths;
  }

 private:
  MaskBytes mask_of(const std::string& parameter, std::size_t size) const {
    const auto found = masks_.find(parameter);
    if (found == masks_.end()) return {};
    if (found->second.size() != size) {
      throw Error(ErrorKind::internal, "the mask of " + parameter + " has " + std::to_string(found->second.size()) +
                                           " elements, not " + std::to_string(size));
    }
    return found->second;
  }

  /// Of a parameter that a node reads; empty where it reads none, or all of it is kept.
  MaskBytes mask_of(const Node& node, std::size_t input, std::size_t size) const {
    const Value* parameter = graph_.has_input(node, input) ? graph_.tensor(node, input) : nullptr;
    return parameter == nullptr ? MaskBytes() : mask_of(parameter->name, size);
  }

  bool is_computed(const Node& node, std::size_t input) const {
    return graph_.has_input(node, input) && graph_.tensor(node, input) == nullptr;
  }

  PathStream add(const Node& node) {
    if (node.op->has(OperatorTrait::layer)) {
      const auto layer = std::ranges::find(layers_, node.name, &PrunableLayer::name);
      if (layer != layers_.end()) return add_layer(node, static_cast<std::size_t>(layer - layers_.begin()));
    }
    if (node.op->has(OperatorTrait::batch_norm)) return add_scale(node);
    if (node.op->has(OperatorTrait::layer_norm)) return add_mix(node);
    if (node.op->has(OperatorTrait::attention) && has_equal_heads(node)) return add_attention(node);
    return add_coupled(node);
  }

  static PathStream along(std::size_t dim, Vertices vertices) {
    return vertices.size() == 1 ? PathStream{{}, std::move(vertices)} : PathStream{{dim}, std::move(vertices)};
  }

  /// A vertex for each index of a dimension of an input.
  Vertices channels(const Node& node, std::size_t input, std::size_t dim) {
    const PathStream& stream = streams_[node.inputs[input]];
    const Dims& dims = graph_.dims(node, input);
    const auto size = static_cast<std::size_t>(dims[dim].size);
    if (stream.dims == std::vector{dim}) return stream.vertices;
    if (std::ranges::find(stream.dims, dim) == stream.dims.end()) return Vertices(size, links_.joined(stream.vertices));
    std::size_t inner = 1;
    for (auto after = stream.dims.rbegin(); *after != dim; ++after)
      inner *= static_cast<std::size_t>(dims[*after].size);
    std::vector<Vertices> shares(size);
    for (std::size_t i = 0; i < stream.vertices.size(); ++i) shares[i / inner % size].push_back(stream.vertices[i]);
    Vertices made;
    for (Vertices& share : shares) made.push_back(links_.joined(std::move(share)));
    return made;
  }

  PathStream add_layer(const Node& node, std::size_t layer) {
    const bool linear = graph_.dims(node, 1).size() == 2;
    const std::size_t dim = linear ? graph_.dims(node, 0).size() - 1 : 1;
    Vertices from = channels(node, 0, dim), to = links_.add_vertices(kernels_[layer].outputs());
    ends_[layer] = {from, to};
    links_.link_layer(kernels_[layer], std::move(from), to);
    return along(dim, std::move(to));
  }

  /// Channel by channel, where its scale is kept.
  PathStream add_scale(const Node& node) {
    const MaskBytes mask = mask_of(node, 1, static_cast<std::size_t>(graph_.dims(node, 0)[1].size));
    if (mask.empty()) return streams_[node.inputs[0]];
    return along(1, scaled(channels(node, 0, 1), mask));
  }

  /// Every output of a layer norm is made of all its inputs, through their mean and variance.
  PathStream add_mix(const Node& node) {
    const std::size_t last = graph_.dims(node, 0).size() - 1;
    const auto size = static_cast<std::size_t>(graph_.dims(node, 0)[last].size);
    Vertices all(size, links_.joined(streams_[node.inputs[0]].vertices));
    const bool by_channel = graph_.has_input(node, 1) && graph_.dims(node, 1).size() == 1;
    const MaskBytes mask = by_channel ? mask_of(node, 1, size) : MaskBytes();
    return along(last, mask.empty() ? std::move(all) : scaled(all, mask));
  }

  Vertices scaled(const Vertices& from, MaskBytes mask) {
    const Vertices to = links_.add_vertices(mask.size());
    for (std::size_t i = 0; i < mask.size(); ++i)
      if (mask[i] != 0) links_.link(from[i], to[i]);
    return to;
  }

  bool has_equal_heads(const Node& node) const {
    const auto width = [&](std::size_t input) { return graph_.dims(node, input)[2].size; };
    return node.integer("heads") == node.integer("key_value_heads") && width(0) == width(1) && width(1) == width(2) &&
           is_computed(node, 0) && is_computed(node, 1) && is_computed(node, 2);
  }

  PathStream add_attention(const Node& node) {
    Vertices q = channels(node, 0, 2), k = channels(node, 1, 2), v = channels(node, 2, 2);
    Vertices to = links_.add_vertices(v.size());
    MaskBytes q_bias;
    const std::size_t maker = graph_.maker(node.inputs[0]);
    if (maker < graph_.nodes().size() && graph_.nodes()[maker].op->has(OperatorTrait::layer))
      q_bias = mask_of(graph_.nodes()[maker], 2, q.size());
    links_.link_attention(std::move(q), std::move(k), std::move(v), to, static_cast<std::size_t>(node.integer("heads")),
                          q_bias);
    return along(2, std::move(to));
  }

  /// What an operator couples, asked of it alone: the indices of each input are atoms of their own.
  PathStream add_coupled(const Node& node) {
    Coupling coupling;
    std::vector<CoupledDims> inputs;
    std::vector<std::pair<Atom, PathVertex>> computed;
    Vertices everywhere;  // what reaches all of the output
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      CoupledDims& dims = inputs.emplace_back();
      if (!graph_.has_input(node, i)) continue;
      if (!is_computed(node, i)) {
        const Dims& sizes = graph_.dims(node, i);
        for (std::size_t dim = 0; dim < sizes.size(); ++dim)
          if (sizes[dim].size > 1) dims.push_back({{dim}, coupling.make(sizes[dim].size), std::nullopt});
        continue;
      }
      const PathStream& stream = streams_[node.inputs[i]];
      if (stream.dims.empty()) {
        everywhere.push_back(stream.vertices[0]);
        continue;
      }
      dims.push_back({stream.dims, coupling.make(static_cast<std::int64_t>(stream.vertices.size())), std::nullopt});
      for (std::size_t v = 0; v < stream.vertices.size(); ++v)
        computed.emplace_back(dims[0].atoms[v], stream.vertices[v]);
    }
    const CoupledDims outputs = node.op->couple(coupling, graph_, node, inputs);
    std::map<Atom, Vertices> reach;  // by set of atoms
    for (const auto& [atom, vertex] : computed) reach[coupling.find(atom)].push_back(vertex);
    const CoupledAxis* axis = finest(coupling, outputs, reach);
    std::map<Atom, std::size_t> members;
    for (const CoupledDims& dims : inputs)
      for (const CoupledAxis& one : dims)
        for (const Atom atom : one.atoms) ++members[coupling.find(atom)];
    std::set<Atom> apart;  // the sets that reach their own indices alone
    for (std::size_t i = 0; axis != nullptr && i < axis->atoms.size(); ++i)
      if (coupling.blocked_by(axis->atoms[i]) == nullptr || !reach.contains(coupling.find(axis->atoms[i])))
        apart.insert(coupling.find(axis->atoms[i]));
    for (const auto& [set, vertices] : reach) {
      const bool is_dropped =
          members[set] == 1 && coupling.blocked_by(set) == nullptr;  // by a slice; else it is summed
      if (!apart.contains(set) && !is_dropped) everywhere.insert(everywhere.end(), vertices.begin(), vertices.end());
    }
    return joined_stream(coupling, axis, reach, std::move(everywhere));
  }

  /// The axis that tells the most sets of inputs apart; null where the output has none.
  static const CoupledAxis* finest(const Coupling& coupling, const CoupledDims& outputs,
                                   const std::map<Atom, Vertices>& reach) {
    const CoupledAxis* found = nullptr;
    std::size_t most = 0;
    for (const CoupledAxis& axis : outputs) {
      std::set<Atom> sets;
      for (const Atom atom : axis.atoms)
        if (reach.contains(coupling.find(atom))) sets.insert(coupling.find(atom));
      if (found != nullptr && sets.size() <= most) continue;
      found = &axis;
      most = sets.size();
    }
    return found;
  }

  PathStream joined_stream(const Coupling& coupling, const CoupledAxis* axis, const std::map<Atom, Vertices>& reach,
                           Vertices everywhere) {
    if (everywhere.size() > 1) everywhere = {links_.joined(std::move(everywhere))};
    if (axis == nullptr) return {{}, {links_.joined(std::move(everywhere))}};
    std::map<Atom, PathVertex> made;
    PathStream stream{axis->dims, {}};
    for (const Atom atom : axis->atoms) {
      const Atom set = coupling.find(atom);
      const auto [place, is_new] = made.try_emplace(set, 0);
      if (is_new) {
        Vertices from = everywhere;
        const auto own = reach.find(set);
        if (own != reach.end()) from.insert(from.end(), own->second.begin(), own->second.end());
        place->second = links_.joined(std::move(from));
      }
      stream.vertices.push_back(place->second);
    }
    if (stream.vertices.size() == 1) stream.dims.clear();
    return stream;
  }

  const MaskViews& masks_;
  const OperatorGraph& graph_;
  const std::vector<PrunableLayer> layers_;
  std::vector<KernelMatrix> kernels_;                // parallel to layers_
  std::vector<std::pair<Vertices, Vertices>> ends_;  // parallel to layers_: what each layer reads and writes
  PathLinks links_;
  std::vector<PathStream> streams_;  // by ValueIndex
};

}  // namespace

Paths find_paths(const ModelDescription& model, const MaskViews& masks) {
  return PathFinder(model, masks).find();
}

void report_paths(const ModelDescription& model, const MaskViews& masks, StageOutcome& outcome) {
  const Paths paths = model.graph ? find_paths(model, masks) : Paths{};
  if (model.graph) outcome.connectivity = paths.connectivity;
  for (LayerCount& count : outcome.layers) {
    const auto found = std::ranges::find(paths.layers, count.layer, &LayerPaths::layer);
    if (found != paths.layers.end()) {
      count.effective = found->effective;
      count.dead_units = found->dead_units;
    }
    if (count.kept == 0 && count.total > 0)
      outcome.warnings.push_back(count.layer + " is empty: none of its " + std::to_string(count.total) +
                                 " weights is kept");
  }
  if (!paths.connectivity.connected)
    outcome.warnings.emplace_back("no path of kept weights leads from the input to the output: the network collapsed");
}

}  // namespace espalier
