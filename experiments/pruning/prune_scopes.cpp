#include "experiments/pruning/prune_scopes.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>
#include <variant>

#include "base/error.h"
#include "experiments/catalog/catalog.h"

// Scopes within one layer come from the list of layers. Coupled channels come from a walk over the operations that
// follows, for each tensor, the set of outputs it is made of: a sum unites the sets of its branches, and whatever
// cannot do without a channel (a layer norm's statistics, the network's input and output) marks its set as fixed.

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
  if (granularity.kind == Kind::filter) return layer.is_conv();
  return true;
}

std::int64_t units_of(const Granularity& granularity, const PrunableLayer& layer) {
  const auto pieces = [](std::int64_t size, std::int64_t piece) { return (size + piece - 1) / piece; };
  switch (granularity.kind) {
    case Kind::block:
      return pieces(layer.shape[0], granularity.outputs) * pieces(inputs_of(layer), granularity.inputs);
    case Kind::row:
    case Kind::filter:
      return layer.shape[0];
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

/// Sets of outputs that are coupled, as a forest: a set's parent is the set it was united with.
class ChannelSets {
 public:
  struct Set {
    std::size_t parent;
    std::int64_t units;
    bool fixed = false;
    std::vector<std::pair<std::size_t, ScopeMember>> members;  // with their places in the model
  };

  explicit ChannelSets(const ModelDescription& model) {
    std::size_t present = fix(0);
    present = walk(model.ops, present);
    sets_[find(present)].fixed = true;
  }

  /// In the order of their first layers.
  std::vector<PruneScope> scopes() {
    for (std::size_t set = 0; set < sets_.size(); ++set) {
      const std::size_t root = find(set);
      if (root == set) continue;
      auto& members = sets_[root].members;
      members.insert(members.end(), sets_[set].members.begin(), sets_[set].members.end());
    }
    std::vector<std::pair<std::size_t, PruneScope>> found;
    for (std::size_t set = 0; set < sets_.size(); ++set) {
      if (find(set) != set || sets_[set].fixed) continue;
      auto& members = sets_[set].members;
      std::ranges::sort(members, {}, [](const auto& member) { return member.first; });
      PruneScope scope;
      scope.units = sets_[set].units;
      for (const auto& [place, member] : members) scope.members.push_back(member);
      const auto first = std::ranges::find(scope.members, Part::outputs, &ScopeMember::part);
      if (first == scope.members.end()) continue;
      scope.name = first->layer;
      found.emplace_back(members[static_cast<std::size_t>(first - scope.members.begin())].first, std::move(scope));
    }
    std::ranges::sort(found, {}, [](const auto& scope) { return scope.first; });
    std::vector<PruneScope> scopes;
    for (auto& [place, scope] : found) scopes.push_back(std::move(scope));
    return scopes;
  }

 private:
  std::size_t find(std::size_t set) const {
    while (sets_[set].parent != set) set = sets_[set].parent;
    return set;
  }

  std::size_t open(std::int64_t units) {
    sets_.push_back({sets_.size(), units, false, {}});
    return sets_.size() - 1;
  }
  std::size_t fix(std::int64_t units) {
    const std::size_t set = open(units);
    sets_[set].fixed = true;
    return set;
  }

  std::size_t unite(std::size_t one, std::size_t other) {
    one = find(one);
    other = find(other);
    if (one == other) return one;
    sets_[other].parent = one;
    sets_[one].fixed = sets_[one].fixed || sets_[other].fixed;
    return one;
  }

  void add(std::size_t set, Part part, const std::string& layer, std::int64_t step = 1) {
    sets_[find(set)].members.emplace_back(place_++, ScopeMember{part, layer, step});
  }

  std::size_t layer(const std::string& name, std::int64_t in, std::int64_t out, std::size_t from) {
    const std::int64_t units = sets_[find(from)].units;
    if (units > 0) add(from, Part::inputs, name, in / units);
    const std::size_t made = open(out);
    add(made, Part::outputs, name);
    return made;
  }

  std::size_t walk(const std::vector<Op>& ops, std::size_t present) {
    for (const Op& one : ops) present = std::visit([&](const auto& op) { return pass(op, present); }, one.op);
    return present;
  }

  std::size_t pass(const LinearOp& op, std::size_t from) { return layer(op.name, op.in, op.out, from); }
  std::size_t pass(const Conv2dOp& op, std::size_t from) { return layer(op.name, op.in, op.out, from); }
  std::size_t pass(const BatchNorm2dOp& op, std::size_t from) {
    add(from, Part::norm, op.name);
    return from;
  }
  std::size_t pass(const ResidualOp& op, std::size_t from) {
    const std::size_t through = walk(op.body, from);
    return unite(through, walk(op.shortcut, from));
  }
  std::size_t pass(const BlockOp& op, std::size_t from) { return walk(op.body, from); }
  std::size_t pass(const LayerNormOp& op, std::size_t from) {
    sets_[find(from)].fixed = true;  // a channel that is zero would still move the others' statistics
    return fix(op.width);
  }
  std::size_t pass(const AttentionOp& op, std::size_t from) {
    for (const char* part : {".q", ".k", ".v"}) {
      const std::size_t inside = layer(op.name + part, op.width, op.width, from);
      sets_[inside].fixed = true;  // granularity head removes these
    }
    return layer(op.name + ".o", op.width, op.width, fix(op.width));
  }
  std::size_t pass(const EmbeddingOp& op, std::size_t) { return fix(op.width); }
  std::size_t pass(const PositionOp&, std::size_t from) {
    sets_[find(from)].fixed = true;
    return from;
  }
  std::size_t pass(const RowsOp&, std::size_t from) {
    sets_[find(from)].fixed = true;
    return fix(0);
  }
  template <typename Other>
  std::size_t pass(const Other&, std::size_t from) {
    return from;
  }

  std::vector<Set> sets_;
  std::size_t place_ = 0;
};

void find_attentions(const std::vector<Op>& ops, std::vector<AttentionOp>& found) {
  for (const Op& one : ops) {
    if (const auto* attention = std::get_if<AttentionOp>(&one.op)) found.push_back(*attention);
    if (const auto* block = std::get_if<BlockOp>(&one.op)) find_attentions(block->body, found);
    if (const auto* residual = std::get_if<ResidualOp>(&one.op)) {
      find_attentions(residual->body, found);
      find_attentions(residual->shortcut, found);
    }
  }
}

std::vector<PruneScope> head_scopes(const ModelDescription& model) {
  std::vector<AttentionOp> attentions;
  find_attentions(model.ops, attentions);
  std::vector<PruneScope> scopes;
  for (const AttentionOp& attention : attentions) {
    PruneScope scope;
    scope.name = attention.name;
    scope.units = attention.heads;
    const std::int64_t rows = attention.width / attention.heads;
    for (const char* part : {".q", ".k", ".v"}) scope.members.push_back({Part::outputs, attention.name + part, rows});
    scope.members.push_back({Part::inputs, attention.name + ".o", rows});
    scopes.push_back(std::move(scope));
  }
  return scopes;
}

void collect_whole(const std::vector<Op>& ops, std::vector<std::string>& names) {
  for (const Op& one : ops) {
    if (const auto* linear = std::get_if<LinearOp>(&one.op)) names.push_back(linear->name);
    if (const auto* conv = std::get_if<Conv2dOp>(&one.op)) names.push_back(conv->name);
    if (const auto* norm = std::get_if<BatchNorm2dOp>(&one.op)) names.push_back(norm->name);
    if (const auto* attention = std::get_if<AttentionOp>(&one.op)) {
      for (const char* part : {".q", ".k", ".v", ".o"}) names.push_back(attention->name + part);
    }
    if (const auto* block = std::get_if<BlockOp>(&one.op)) collect_whole(block->body, names);
    if (const auto* residual = std::get_if<ResidualOp>(&one.op)) collect_whole(residual->body, names);
  }
}

/// Without its weights the block gives what it is given: sums with identity shortcuts, and ReLUs of what a ReLU gave
/// before.
bool is_identity_without_weights(const BlockOp& block) {
  bool sums = false;
  for (const Op& one : block.body) {
    const auto* residual = std::get_if<ResidualOp>(&one.op);
    if (residual != nullptr && residual->shortcut.empty()) {
      sums = true;
    } else if (!std::holds_alternative<ReluOp>(one.op)) {
      return false;
    }
  }
  return sums;
}

void find_blocks(const std::vector<Op>& ops, PruneScope& scope) {
  for (const Op& one : ops) {
    const auto* block = std::get_if<BlockOp>(&one.op);
    if (block == nullptr) continue;
    if (!is_identity_without_weights(*block)) {
      find_blocks(block->body, scope);
      continue;
    }
    std::vector<std::string> names;
    collect_whole(block->body, names);
    for (const std::string& name : names) {
      scope.members.push_back({Part::whole, name, 1});
      scope.unit_of.push_back(scope.units);
    }
    scope.blocks.push_back(block->name);
    ++scope.units;
  }
}

std::vector<PruneScope> layer_scopes(const std::vector<PrunableLayer>& layers, const Granularity& granularity) {
  std::vector<PruneScope> scopes;
  for (const PrunableLayer& layer : layers) {
    if (!fits(granularity, layer)) continue;
    PruneScope scope;
    scope.name = layer.name;
    scope.units = units_of(granularity, layer);
    scope.members = {{Part::outputs, layer.name, 1}};
    scope.rows = layer.shape[0];
    scopes.push_back(std::move(scope));
  }
  return scopes;
}

std::vector<PruneScope> all_scopes(const ModelDescription& model, const std::vector<PrunableLayer>& layers,
                                   const Granularity& granularity) {
  switch (granularity.kind) {
    case Kind::channel:
      return ChannelSets(model).scopes();
    case Kind::head:
      return head_scopes(model);
    case Kind::layer: {
      PruneScope scope;
      scope.name = "blocks";
      find_blocks(model.ops, scope);
      return scope.units > 0 ? std::vector{scope} : std::vector<PruneScope>{};
    }
    default:
      return layer_scopes(layers, granularity);
  }
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
  if (model.ops.empty() &&
      (granularity.kind == Kind::channel || granularity.kind == Kind::head || granularity.kind == Kind::layer)) {
    throw Error(ErrorKind::invalid_input, "granularity: " + to_string(granularity) +
                                              " needs to know how layers are joined, which "
                                              "a scripted model does not tell; use weight, block, n:m, row or filter");
  }
}

/// They unfold the inputs of a convolution themselves, for which they need its stride and padding.
void need_geometry(const ModelDescription& model, const CriterionEntry& criterion, const PrunableLayer& layer) {
  const bool unfolds = has(criterion.properties, CriterionProperty::unfolds_inputs);
  if (!unfolds || !model.ops.empty() || !layer.is_conv()) return;
  throw Error(ErrorKind::invalid_input, "criterion " + std::string(criterion.name) +
                                            " needs the stride and padding of convolution " + layer.name +
                                            ", which a scripted model does not tell; use another criterion");
}

std::string what_is_missing(const Granularity& granularity, CriterionScores scores) {
  if (scores == CriterionScores::scores_normed_outputs) return "no such layer that a batch norm takes";
  if (scores == CriterionScores::scores_activated_outputs) return "no such layer that a ReLU takes";
  switch (granularity.kind) {
    case Kind::row:
      return "no linear layer besides the output";
    case Kind::filter:
      return "no convolution";
    case Kind::channel:
      return "no outputs that could go without changing its input, its output or a layer norm";
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
    return member.part != Part::inputs && std::ranges::find(protect, member.layer) != protect.end();
  };
  std::vector<PruneScope> scopes;
  for (PruneScope& scope : all_scopes(model, layers, granularity)) {
    if (std::ranges::any_of(scope.members, is_protected)) continue;
    bool scorable = false;
    for (const ScopeMember& member : scope.members) {
      const auto layer = layer_called(member.layer);
      if (layer == layers.end()) continue;
      const bool goes = member.part != Part::inputs || granularity.kind == Kind::head;
      if (goes) scope.weights += layer->weights;
      scorable = scorable || (member.part != Part::inputs && can_score(entry.scores, *layer));
    }
    if (!scorable) continue;
    if (granularity.kind == Kind::n_of_m) need_divisible(granularity, *layer_called(scope.name));
    scopes.push_back(std::move(scope));
  }
  if (!scopes.empty()) return scopes;
  throw Error(ErrorKind::invalid_input, "prune: nothing of model " + model.name + " can be removed by granularity " +
                                            to_string(granularity) + " and criterion " + criterion + ": it has " +
                                            what_is_missing(granularity, entry.scores) +
                                            (protect.empty() ? "" : ", or all of it is protected"));
}

std::vector<PruneScope> prune_scopes(const ModelDescription& model, const Granularity& granularity,
                                     const std::vector<std::string>& protect) {
  return prune_scopes(model, granularity, "random", protect);
}

}  // namespace espalier
