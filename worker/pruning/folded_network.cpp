#include "worker/pruning/folded_network.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"
#include "experiments/operators/operator.h"
#include "experiments/operators/rebuilt_graph.h"
#include "experiments/pruning/constant_units.h"
#include "experiments/pruning/removed_units.h"
#include "worker/operators/graph_outputs.h"
#include "worker/pruning/constant_input.h"
#include "worker/pruning/narrowed_tensor.h"

// The graph says which units send on what no example changes. One pass says how much that is at each layer that reads
// it. What the layer makes of these numbers alone is then computed by the layer itself: where it is one number for each
// output, the bias can hold it; beside zeros of a padding it is not.

namespace espalier {
namespace {

constexpr std::int64_t kExamples = 2;
constexpr double kLargestDifference = 1e-9;

std::vector<std::int64_t> slices_of(const ScopeMember& reader, const RemovedUnits& units) {
  std::vector<std::int64_t> slices;
  for (std::int64_t slice = 0; slice < reader.slices(units.scope.units); ++slice) {
    const std::int64_t unit = reader.unit(slice);
    if (unit >= 0 && units.leaves[static_cast<std::size_t>(unit)]) slices.push_back(slice);
  }
  return slices;
}

/// ", with its padding of 1 x 1", or nothing.
std::string padding_of(const Node& layer) {
  std::string sides;
  bool pads = false;
  for (const std::int64_t side : layer.integers("padding")) {
    sides += (sides.empty() ? "" : " x ") + std::to_string(side);
    pads = pads || side != 0;
  }
  return pads ? ", with its padding of " + sides : "";
}

class Folding {
 public:
  Folding(const OperatorGraph& graph, const NamedTensors& tensors, const NamedTensors& masks)
      : graph_(graph), masks_(to_file(masks, {})) {
    for (const auto& [name, tensor] : tensors) tensors_[name] = tensor.to(at::kCPU);
    for (const Node& node : graph.nodes()) layers_[node.name] = &node;
    units_ = constant_units(graph,
                            [this](const std::string& layer, std::int64_t output) { return is_empty(layer, output); });
    for (const ConstantUnits& one : units_)
      for (const ScopeMember& member : one.scope.members)
        if (member.reads()) inputs_[member.layer] = {};
    examples_ = random_examples(graph, kExamples);
    outputs_ = outputs_of(
        graph, examples_, [this](const std::string& name) { return exact(name); },
        [this](std::size_t place, std::span<const at::Tensor> inputs) {
          const Node& node = graph_.nodes()[place];
          if (const auto found = inputs_.find(node.name); found != inputs_.end())
            found->second = constant_input(graph_, node, inputs[0]);
        });
  }

  FoldedNetwork folded() {
    const std::vector<RemovedUnits> removed = removed_units(graph_, masks_.content.tensors, foldable_units());
    FoldedNetwork folded;
    folded.staying = staying_beside(removed);
    for (const RemovedUnits& units : removed)
      for (const ScopeMember& member : units.scope.members)
        if (member.reads()) fold(member.layer, slices_of(member, units));
    std::set<std::string> unbiased;
    for (const auto& [layer, bias] : biases_)
      if (!graph_.has_input(*layers_.at(layer), 2)) unbiased.insert(layer);
    ShrunkGraph shrunk = without_units(with_biases(graph_, unbiased), removed);
    folded.graph = std::make_shared<const OperatorGraph>(std::move(shrunk.graph));
    folded.kept = std::move(shrunk.tensors);
    std::map<std::string, const KeptTensor*> kept;
    for (const KeptTensor& tensor : folded.kept) {
      kept[tensor.name] = &tensor;
      folded.tensors.emplace_back(tensor.name, narrowed(stored(tensor.name), tensor));
    }
    for (const auto& [layer, bias] : biases_) folded.folded.push_back(bias.name);
    require_equal(*folded.graph, [&](const std::string& name) { return narrowed(exact(name), *kept.at(name)); });
    return folded;
  }

 private:
  struct Bias {
    std::string name;
    at::Tensor numbers;  ///< float64
    c10::ScalarType type = c10::kFloat;
  };

  const Bias* bias_called(const std::string& name) const {
    const auto found = std::ranges::find_if(biases_, [&](const auto& one) { return one.second.name == name; });
    return found == biases_.end() ? nullptr : &found->second;
  }
  at::Tensor exact(const std::string& name) const {
    if (const Bias* bias = bias_called(name)) return bias->numbers;
    const at::Tensor& tensor = tensors_.at(name);
    return tensor.is_floating_point() ? tensor.to(at::kDouble) : tensor;
  }
  at::Tensor stored(const std::string& name) const {
    const Bias* bias = bias_called(name);
    return bias == nullptr ? tensors_.at(name) : bias->numbers.to(bias->type);
  }
  const at::Tensor& weight_of(const std::string& layer) const { return tensors_.at(layer + ".weight"); }

  bool is_empty(const std::string& layer, std::int64_t output) {
    at::Tensor& used = used_outputs_[layer];
    if (!used.defined()) {
      const bool transposed = layers_.at(layer)->op->has(OperatorTrait::transposed);
      used = weight_of(layer).ne(0).movedim(transposed ? 1 : 0, 0).flatten(1).any(1);
    }
    return !used.data_ptr<bool>()[output];
  }

  std::vector<std::vector<bool>> foldable_units() {
    std::vector<std::vector<bool>> all;
    for (ConstantUnits& one : units_) {
      std::vector<bool>& foldable = all.emplace_back(one.emptied);
      for (std::size_t unit = 0; unit < foldable.size(); ++unit) {
        if (!foldable[unit]) continue;
        if (one.obstacle[unit].empty()) one.obstacle[unit] = obstacle_of(one.scope, unit);
        foldable[unit] = one.obstacle[unit].empty();
      }
    }
    return all;
  }

  /// Why not every bias can hold what the unit sends on.
  std::string obstacle_of(const PruneScope& scope, std::size_t unit) const {
    RemovedUnits alone{scope, std::vector<bool>(static_cast<std::size_t>(scope.units), false)};
    alone.leaves[unit] = true;
    for (const ScopeMember& member : scope.members) {
      if (!member.reads()) continue;
      const ConstantInput& input = inputs_.at(member.layer);
      const std::vector<std::int64_t> slices = slices_of(member, alone);
      for (const std::int64_t slice : slices)
        if (!input.same.data_ptr<bool>()[slice])
          return member.layer + " is given different numbers at different places";
      const Node& layer = *layers_.at(member.layer);
      if (contribution(graph_, layer, weight_of(member.layer), input, slices).fits_bias) continue;
      return member.layer + " would add different numbers at different places" + padding_of(layer);
    }
    return "";
  }

  std::vector<StayingUnits> staying_beside(const std::vector<RemovedUnits>& removed) const {
    std::vector<StayingUnits> all;
    for (const ConstantUnits& one : units_) {
      const auto found = std::ranges::find(removed, one.scope, &RemovedUnits::scope);
      std::map<std::string, std::vector<std::int64_t>> by_reason;
      for (std::size_t unit = 0; unit < one.emptied.size(); ++unit) {
        if (!one.emptied[unit] || (found != removed.end() && found->leaves[unit])) continue;
        const std::string& reason = one.obstacle[unit];
        by_reason[reason.empty() ? "one of a layer's has to stay" : reason].push_back(static_cast<std::int64_t>(unit));
      }
      for (auto& [reason, units] : by_reason) all.push_back({one.scope.name, std::move(units), reason});
    }
    return all;
  }

  void fold(const std::string& layer, const std::vector<std::int64_t>& slices) {
    const Node& node = *layers_.at(layer);
    const at::Tensor more = contribution(graph_, node, weight_of(layer), inputs_.at(layer), slices).number;
    if (!more.ne(0).any().item<bool>()) return;
    Bias& bias = biases_[layer];
    if (!bias.numbers.defined()) {
      const Value* given = graph_.tensor(node, 2);
      bias.numbers =
          given == nullptr ? at::zeros({more.numel()}, at::kDouble) : tensors_.at(given->name).to(at::kDouble);
      bias.type = weight_of(layer).scalar_type();
      bias.name = given == nullptr ? layer + ".bias" : given->name;
    }
    bias.numbers = bias.numbers.add(more);
  }

  void require_equal(const OperatorGraph& small, const TensorByName& tensor_called) const {
    const double largest = std::max(outputs_.abs().max().item<double>(), 1e-12);
    if (!std::isfinite(largest)) return;
    const double difference =
        outputs_of(small, examples_, tensor_called).sub(outputs_).abs().max().item<double>() / largest;
    if (difference <= kLargestDifference) return;
    std::string layers;
    for (const auto& [layer, bias] : biases_) layers += (layers.empty() ? "" : ", ") + layer;
    throw Error(ErrorKind::internal, "the network without what was removed computes something else (" +
                                         std::to_string(difference) + " of the largest output); folded into: " +
                                         (layers.empty() ? "nothing" : layers) + "; take the whole network");
  }

  const OperatorGraph& graph_;
  const TensorFile masks_;
  std::map<std::string, at::Tensor> tensors_;
  std::map<std::string, const Node*> layers_;
  std::map<std::string, at::Tensor> used_outputs_;  // bool [outputs], by layer
  std::vector<ConstantUnits> units_;
  std::map<std::string, ConstantInput> inputs_;  // by layer that reads units
  std::map<std::string, Bias> biases_;           // with what is folded into them, by layer
  at::Tensor examples_, outputs_;
};

}  // namespace

std::string to_string(const StayingUnits& staying) {
  const std::size_t count = staying.units.size();
  return std::to_string(count) + (count == 1 ? " unit of " : " units of ") + staying.scope +
         (count == 1 ? " stays masked: " : " stay masked: ") + staying.reason;
}

FoldedNetwork folded_network(const OperatorGraph& graph, const NamedTensors& tensors, const NamedTensors& masks) {
  const at::NoGradGuard no_grad;
  return Folding(graph, tensors, masks).folded();
}

FoldedNetwork folded_network(const Network& whole) {
  return folded_network(*whole.description().graph, whole.weights(), whole.masks());
}

Network network_of(const FoldedNetwork& folded, const Network& whole) {
  ModelDescription description = whole.description();
  description.graph = folded.graph;
  const at::Tensor& like = whole.named().front().leaf;
  Network network(description, like.device(), like.scalar_type());
  network.set_weights(folded.tensors);
  return network;
}

}  // namespace espalier
