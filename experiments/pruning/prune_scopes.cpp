#include "experiments/pruning/prune_scopes.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/some_names.h"
#include "experiments/catalog/catalog.h"
#include "experiments/pruning/coupled_scopes.h"

namespace espalier {
namespace {

using Kind = Granularity::Kind;
using Part = ScopeMember::Part;

bool scores_outputs(CriterionScores scores) {
  return scores == CriterionScores::scores_outputs || scores == CriterionScores::scores_normed_outputs ||
         scores == CriterionScores::scores_activated_outputs;
}

bool can_score(CriterionScores scores, const PrunableLayer& layer) {
  if (scores == CriterionScores::scores_normed_outputs) return !layer.norm.empty();
  if (scores == CriterionScores::scores_activated_outputs) return !layer.activation.empty();
  return true;
}

std::int64_t inputs_of(const PrunableLayer& layer) {
  return layer.weights / layer.shape[0];
}

bool fits(const Granularity& granularity, const PrunableLayer& layer) {
  if (granularity.kind == Kind::row) return !layer.is_conv() && !layer.is_output;
  // The filters of a transposed convolution in groups are no slices of its weight.
  if (granularity.kind == Kind::filter)
    return layer.is_conv() && !layer.is_output && (!layer.transposed || layer.groups == 1);
  return true;
}

std::int64_t units_of(const Granularity& granularity, const PrunableLayer& layer) {
  const auto pieces = [](std::int64_t size, std::int64_t piece) { return (size + piece - 1) / piece; };
  switch (granularity.kind) {
    case Kind::block:
      return pieces(layer.shape[0], granularity.outputs) * pieces(inputs_of(layer), granularity.inputs);
    case Kind::row:
    case Kind::filter:
      return layer.outputs();
    default:
      return layer.weights;
  }
}

void need_divisible(const Granularity& granularity, const PrunableLayer& layer) {
  if (layer.shape[1] % granularity.of == 0) return;
  throw Error(ErrorKind::invalid_input, "granularity: " + to_string(granularity) + " needs inputs in groups of " +
                                            std::to_string(granularity.of) + ", but layer " + layer.name + " has " +
                                            std::to_string(layer.shape[1]) + "; protect it, as in protect: [" +
                                            layer.name + "]");
}

std::vector<PruneScope> layer_scopes(const ModelDescription& model, const std::vector<PrunableLayer>& layers,
                                     const Granularity& granularity) {
  std::vector<PruneScope> scopes;
  for (const PrunableLayer& layer : layers) {
    if (!fits(granularity, layer)) continue;
    PruneScope scope;
    scope.name = layer.name;
    scope.units = units_of(granularity, layer);
    scope.members = {{Part::outputs, layer.name, 1}};
    if (model.graph && layer.is_conv())
      scope.members[0].groups = groups_that_stay(*model.graph, layer_node(*model.graph, layer.name));
    if (granularity.kind == Kind::filter && layer.transposed) scope.members[0].dimension = 1;
    scope.rows = layer.shape[0];
    scopes.push_back(std::move(scope));
  }
  return scopes;
}

std::vector<PruneScope> all_scopes(const ModelDescription& model, const std::vector<PrunableLayer>& layers,
                                   const Granularity& granularity) {
  switch (granularity.kind) {
    case Kind::channel:
      return channel_scopes(*model.graph);
    case Kind::head:
      return head_scopes(*model.graph);
    case Kind::layer:
      return block_scopes(*model.graph);
    default:
      return layer_scopes(model, layers, granularity);
  }
}

std::string obstacle_of(const ModelDescription& model) {
  const std::string& obstacle = model.file->obstacle;
  return obstacle.empty() ? "" : " (what stands in the way: " + obstacle + ")";
}

void check_fit(const ModelDescription& model, const Granularity& granularity, const CriterionEntry& criterion) {
  const bool whole_outputs =
      granularity.kind == Kind::row || granularity.kind == Kind::filter || granularity.kind == Kind::channel;
  if (scores_outputs(criterion.scores) && !whole_outputs) {
    throw Error(ErrorKind::invalid_input, "criterion " + std::string(criterion.name) +
                                              " scores whole outputs, which granularity " + to_string(granularity) +
                                              " does not remove; use row, filter or channel");
  }
  const bool by_weight = granularity.kind == Kind::weight || granularity.kind == Kind::n_of_m;
  if (criterion.scores == CriterionScores::repairs_weights && !by_weight) {
    throw Error(ErrorKind::invalid_input, "criterion " + std::string(criterion.name) +
                                              " removes single weights while it repairs the others; granularity " +
                                              to_string(granularity) + " does not fit it; use weight or n:m");
  }
  if (!model.graph && removes_units_whole(granularity)) {
    throw Error(ErrorKind::invalid_input, "granularity: " + to_string(granularity) +
                                              " needs to know how layers are joined, which is not known of this "
                                              "TorchScript module; use weight, block, n:m, row or filter" +
                                              obstacle_of(model));
  }
}

/// They unfold the inputs of a convolution themselves, for which they need its stride and padding.
void need_geometry(const ModelDescription& model, const CriterionEntry& criterion, const PrunableLayer& layer) {
  const bool unfolds = has(criterion.properties, CriterionProperty::unfolds_inputs);
  const bool has_other_way = criterion.needs == CriterionNeeds::needs_example_gradients;  // one example after another
  if (unfolds && layer.transposed && !has_other_way) {
    throw Error(ErrorKind::invalid_input, "criterion " + std::string(criterion.name) +
                                              " unfolds the inputs of convolutions, which it cannot do for " +
                                              layer.name + ", a transposed one; use another criterion");
  }
  if (!unfolds || model.graph || !layer.is_conv()) return;
  throw Error(ErrorKind::invalid_input, "criterion " + std::string(criterion.name) +
                                            " needs the stride and padding of convolution " + layer.name +
                                            ", which is not known of this TorchScript module; use another criterion" +
                                            obstacle_of(model));
}

/// Those that go with the member's units.
std::int64_t weights_of(const ScopeMember& member, const PrunableLayer& layer) {
  const auto staying = std::ranges::count(member.unit_of, -1), slices = std::ssize(member.unit_of);
  return slices == 0 ? layer.weights : layer.weights / slices * (slices - staying);
}

/// "; fc: its outputs are the network's; conv1: norm (LayerNorm) needs them all".
std::string reasons_of(const OperatorGraph& graph) {
  constexpr std::size_t kMostReasons = 6;
  std::vector<std::string> reasons;
  for (const LeftAlone& one : left_alone(graph)) reasons.push_back(one.layer + ": " + one.reason);
  return reasons.empty() ? "" : " (" + some_names(reasons, kMostReasons, "; ") + ")";
}

std::string what_is_missing(const ModelDescription& model, const Granularity& granularity, CriterionScores scores) {
  if (scores == CriterionScores::scores_normed_outputs && model.file && !has_operator(model, OperatorTrait::batch_norm))
    return "no batch normalization, which exporters fold into the layers before it unless they are asked not to";
  if (scores == CriterionScores::scores_normed_outputs) return "no such layer that a batch norm takes";
  if (scores == CriterionScores::scores_activated_outputs) return "no such layer that a ReLU takes";
  switch (granularity.kind) {
    case Kind::row:
      return "no linear layer besides the output";
    case Kind::filter:
      return "no convolution";
    case Kind::channel:
      return "no outputs that could go without changing its input, its output or an operator that needs them all" +
             reasons_of(*model.graph);
    case Kind::head:
      return "no attention";
    case Kind::layer:
      return "no block with an identity around it";
    default:
      return "nothing to prune";
  }
}

}  // namespace

std::vector<PruneScope> prune_scopes(const ModelDescription& model, const Granularity& granularity,
                                     const std::string& criterion, const std::vector<std::string>& protect) {
  const CriterionEntry& entry = find_criterion(criterion);
  check_fit(model, granularity, entry);
  const std::vector<PrunableLayer> layers = prunable_layers(model);
  for (const PrunableLayer& layer : layers) need_geometry(model, entry, layer);
  const auto layer_called = [&](const std::string& name) {
    return std::ranges::find(layers, name, &PrunableLayer::name);
  };
  const auto is_protected = [&](const ScopeMember& member) {
    return !member.reads() && std::ranges::find(protect, member.layer) != protect.end();
  };
  std::vector<PruneScope> scopes;
  for (PruneScope& scope : all_scopes(model, layers, granularity)) {
    if (std::ranges::any_of(scope.members, is_protected)) continue;
    bool scorable = false;
    for (const ScopeMember& member : scope.members) {
      const auto layer = layer_called(member.layer);
      if (layer == layers.end()) continue;
      if (member.goes) scope.weights += weights_of(member, *layer);
      scorable = scorable || (!member.reads() && can_score(entry.scores, *layer));
    }
    if (!scorable) continue;
    if (granularity.kind == Kind::n_of_m) need_divisible(granularity, *layer_called(scope.name));
    scopes.push_back(std::move(scope));
  }
  if (!scopes.empty()) return scopes;
  throw Error(ErrorKind::invalid_input, "prune: nothing of model " + model.name + " can be removed by granularity " +
                                            to_string(granularity) + " and criterion " + criterion + ": it has " +
                                            what_is_missing(model, granularity, entry.scores) +
                                            (protect.empty() ? "" : ", or all of it is protected"));
}

std::vector<PruneScope> prune_scopes(const ModelDescription& model, const Granularity& granularity,
                                     const std::vector<std::string>& protect) {
  return prune_scopes(model, granularity, "random", protect);
}

}  // namespace espalier
