#include "worker/scope_units.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"

// A member gives each unit one row of a matrix: a tensor is turned so that the unit's dimension comes first, and cut
// into rows.

namespace espalier {
namespace {

using Kind = Granularity::Kind;
using Part = ScopeMember::Part;

std::size_t layer_index(const Network& network, const std::string& layer) {
  const auto& prunable = network.prunable();
  const auto found =
      std::find_if(prunable.begin(), prunable.end(), [&](const auto& one) { return one.layer == layer; });
  return static_cast<std::size_t>(found - prunable.begin());
}

const Parameter* find_parameter(const Network& network, const std::string& name) {
  for (const Parameter& parameter : network.named()) {
    if (parameter.name == name) return &parameter;
  }
  return nullptr;
}

/// [units, the rest] of a weight, for members whose units are slices of it.
at::Tensor rows_of_units(const at::Tensor& weight, const ScopeMember& member) {
  const at::Tensor turned = member.part == Part::inputs ? weight.transpose(0, 1) : weight;
  return turned.reshape({turned.size(0) / member.step, -1});
}

/// What the reductions need of the scores seen so far.
class Accumulator {
 public:
  Accumulator(std::int64_t units, Reduction reduction)
      : reduction_(reduction),
        total_(at::full({units}, reduction == Reduction::max ? -HUGE_VAL : 0.0, at::kDouble)),
        count_(at::zeros({units}, at::kDouble)) {}

  /// Rows [units, n], or one row for the unit `only`; weights removed before are 0 in `mask`.
  void add(const at::Tensor& scores, const at::Tensor& mask, std::int64_t only = -1) {
    const at::Tensor values = scores.to(at::kCPU, at::kDouble);
    const at::Tensor left = mask.to(at::kCPU, at::kDouble);
    at::Tensor total = only < 0 ? total_ : total_.narrow(0, only, 1);
    at::Tensor count = only < 0 ? count_ : count_.narrow(0, only, 1);
    if (reduction_ == Reduction::max) {
      total.copy_(at::maximum(total, values.masked_fill(left.eq(0), -HUGE_VAL).amax(1)));
    } else if (reduction_ == Reduction::l2) {
      total.add_(values.mul(left).square_().sum(1));
    } else if (reduction_ == Reduction::l1) {
      total.add_(values.mul(left).abs_().sum(1));
    } else {
      total.add_(values.masked_fill(left.eq(0), 0).sum(1));
    }
    count.add_(left.sum(1));
  }

  UnitScores result() const {
    at::Tensor scores = total_;
    if (reduction_ == Reduction::l2) scores = total_.sqrt();
    if (reduction_ == Reduction::mean) scores = total_.div(count_.clamp_min(1));
    return {scores.to(at::kFloat).contiguous(), count_.gt(0).to(at::kByte).contiguous()};
  }

 private:
  Reduction reduction_;
  at::Tensor total_, count_;
};

at::Tensor& mask_called(NamedTensors& masks, const Network& network, const std::string& name) {
  for (auto& [known, mask] : masks) {
    if (known == name) return mask;
  }
  masks.emplace_back(name, at::ones_like(find_parameter(network, name)->mask, at::kByte));
  return masks.back().second;
}

void narrow_mask(NamedTensors& masks, const Network& network, const std::string& name, const at::Tensor& kept,
                 bool revive) {
  at::Tensor& mask = mask_called(masks, network, name);
  const at::Tensor wanted = kept.to(mask.device()).expand(mask.sizes());
  mask = revive ? wanted.contiguous() : mask.mul(wanted);
}

/// [slices, 1, ...]: one value for each slice of a dimension, to be spread over a tensor of `dims` dimensions.
at::Tensor spread(const at::Tensor& kept_units, std::int64_t step, std::int64_t dims, std::int64_t dim) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(dims), 1);
  shape[static_cast<std::size_t>(dim)] = kept_units.numel() * step;
  return kept_units.repeat_interleave(step).view(shape);
}

}  // namespace

UnitScores score_units(const PruneScope& scope, const Granularity& granularity, const Network& network,
                       const Scores& scores) {
  Accumulator units(scope.units, granularity.reduction);
  for (std::size_t i = 0; i < scope.members.size(); ++i) {
    const ScopeMember& member = scope.members[i];
    const std::size_t layer = layer_index(network, member.layer);
    const bool goes = member.part != Part::inputs || granularity.kind == Kind::head;
    if (layer == scores.size() || !goes || !scores[layer].defined()) continue;
    const at::Tensor& mask = network.prunable()[layer].mask;
    if (member.part == Part::whole) {
      units.add(scores[layer].reshape({1, -1}), mask.reshape({1, -1}), scope.unit_of[i]);
    } else {
      units.add(rows_of_units(scores[layer], member), rows_of_units(mask, member));
    }
  }
  return units.result();
}

void mask_units(const PruneScope& scope, const Granularity& granularity, const Network& network,
                const at::Tensor& kept_units, bool revive, NamedTensors& masks) {
  const bool with_biases =
      granularity.kind == Kind::channel || granularity.kind == Kind::head || granularity.kind == Kind::layer;
  for (std::size_t i = 0; i < scope.members.size(); ++i) {
    const ScopeMember& member = scope.members[i];
    if (member.part == Part::inputs && granularity.kind != Kind::head) continue;
    const at::Tensor kept = member.part == Part::whole ? kept_units.narrow(0, scope.unit_of[i], 1) : kept_units;
    const Parameter* weight = find_parameter(network, member.layer + ".weight");
    if (weight == nullptr)
      throw Error(ErrorKind::internal, "no parameter of the network is called " + member.layer + ".weight");
    const std::int64_t dims = weight->leaf.dim();
    if (member.part == Part::whole) {
      narrow_mask(masks, network, weight->name, kept.view(std::vector<std::int64_t>(static_cast<std::size_t>(dims), 1)),
                  revive);
    } else {
      narrow_mask(masks, network, weight->name, spread(kept, member.step, dims, member.part == Part::inputs ? 1 : 0),
                  revive);
    }
    const std::string bias = member.layer + ".bias";
    if (!with_biases || member.part == Part::inputs || find_parameter(network, bias) == nullptr) continue;
    narrow_mask(masks, network, bias, member.part == Part::whole ? kept : spread(kept, member.step, 1, 0), revive);
  }
}

}  // namespace espalier
