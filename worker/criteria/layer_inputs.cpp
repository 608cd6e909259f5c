#include "worker/criteria/layer_inputs.h"

#include <algorithm>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/im2col.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"

namespace espalier {
namespace {

constexpr std::int64_t kUnfoldedAtOnce = 1 << 22;  // values: 16 MB

using SeeRows = std::function<void(std::size_t layer, std::int64_t group, const at::Tensor& rows)>;

class InputObserver : public ForwardObserver {
 public:
  InputObserver(const Network& network, const SeeRows& see)
      : network_(network), see_(see), seen_(network.prunable().size()) {}

  void on_layer_input(const std::string& layer, const at::Tensor& input) override {
    const auto& prunable = network_.prunable();
    const auto found =
        std::find_if(prunable.begin(), prunable.end(), [&](const auto& one) { return one.layer == layer; });
    if (found == prunable.end()) return;
    const auto index = static_cast<std::size_t>(found - prunable.begin());
    seen_[index] = true;
    const std::optional<Unfolding> unfolding = unfolding_of(network_.description(), layer);
    const std::int64_t groups = unfolding ? unfolding->groups : 1;
    const std::int64_t columns = found->weight.numel() / found->weight.size(0);
    const std::int64_t positions = input.numel() / input.size(0) / (groups * found->weight.size(1));
    const std::int64_t examples = std::clamp<std::int64_t>(kUnfoldedAtOnce / (columns * positions), 1, input.size(0));
    for (const at::Tensor& part : input.split(examples)) {
      for (std::int64_t group = 0; group < groups; ++group)
        see_(index, group, input_rows(part, unfolding, group).flatten(0, 1));
    }
  }

  bool saw_all() const { return std::find(seen_.begin(), seen_.end(), false) == seen_.end(); }

 private:
  const Network& network_;
  const SeeRows& see_;
  std::vector<bool> seen_;
};

/// Of any number of dimensions: [N, positions, in * kernel area].
at::Tensor unfolded(const at::Tensor& input, const Unfolding& unfolding) {
  if (unfolding.kernel.size() == 2) {
    return at::im2col(input, unfolding.kernel, unfolding.dilations, unfolding.padding, unfolding.strides)
        .transpose(1, 2);
  }
  std::vector<std::int64_t> padding;  // of the last dimension first
  for (std::size_t i = unfolding.kernel.size(); i-- > 0;)
    padding.insert(padding.end(), {unfolding.padding[i], unfolding.padding[i]});
  at::Tensor windows = at::constant_pad_nd(input, padding);
  const auto count = static_cast<std::int64_t>(unfolding.kernel.size());
  std::vector<std::int64_t> order{0};
  for (std::int64_t i = 0; i < count; ++i) {
    const auto place = static_cast<std::size_t>(i);
    const std::int64_t extent = unfolding.dilations[place] * (unfolding.kernel[place] - 1) + 1;
    windows = windows.unfold(2 + i, extent, unfolding.strides[place]).slice(-1, 0, extent, unfolding.dilations[place]);
    order.push_back(2 + i);
  }
  order.push_back(1);
  for (std::int64_t i = 0; i < count; ++i) order.push_back(2 + count + i);
  return windows.permute(order).flatten(1 + count).flatten(1, count);
}

}  // namespace

std::optional<Unfolding> unfolding_of(const ModelDescription& model, const std::string& layer) {
  if (!model.graph) return std::nullopt;
  const Node& node = layer_node(*model.graph, layer);
  const std::vector<std::int64_t> sizes = sizes_of(model.graph->dims(node, 1));
  if (sizes.size() == 2) return std::nullopt;
  return Unfolding{{sizes.begin() + 2, sizes.end()},
                   node.integers("dilations"),
                   node.integers("padding"),
                   node.integers("strides"),
                   node.integer("groups")};
}

std::optional<ExamplesIn> examples_given(const ModelDescription& model, const std::string& layer) {
  if (!model.graph) return ExamplesIn{};
  const Dims& dims = model.graph->dims(layer_node(*model.graph, layer), 0);
  const auto batch = std::ranges::find_if(dims, &Dim::batch);
  if (batch == dims.end()) return std::nullopt;
  return ExamplesIn{batch - dims.begin(), batch->size};
}

at::Tensor input_rows(const at::Tensor& input, const std::optional<Unfolding>& unfolding, std::int64_t group,
                      std::int64_t each) {
  at::Tensor rows = input;
  if (unfolding) {
    const std::int64_t channels = input.size(1) / unfolding->groups;
    rows = unfolded(unfolding->groups == 1 ? input : input.narrow(1, group * channels, channels), *unfolding);
  }
  return rows.dim() == 3 && each == 1 ? rows : rows.reshape({input.size(0) / each, -1, rows.size(-1)});
}

void see_inputs(const CriterionContext& context, const SeeRows& see) {
  if (context.batches <= 0) throw Error(ErrorKind::internal, "a criterion that looks at inputs was given no batches");
  const at::NoGradGuard no_grad;
  InputObserver observer(context.network, see);
  for (std::int64_t index = 0; index < context.batches; ++index)
    context.network.forward(context.batch(index).inputs, {context.mode, &observer});
  if (!observer.saw_all()) {
    throw Error(ErrorKind::invalid_input,
                "the criterion looks at what layers are given, which this model does not show; choose another");
  }
}

std::vector<at::Tensor> input_square_sums(const CriterionContext& context) {
  std::vector<at::Tensor> sums;
  for (const PrunableWeight& prunable : context.weights()) {
    const std::optional<Unfolding> unfolding = unfolding_of(context.network.description(), prunable.layer);
    sums.push_back(at::zeros({unfolding ? unfolding->groups : 1, prunable.weight.numel() / prunable.weight.size(0)},
                             prunable.weight.options().dtype(at::kDouble)));
  }
  see_inputs(context, [&](std::size_t layer, std::int64_t group, const at::Tensor& rows) {
    sums[layer][group].add_(rows.square().sum(0));
  });
  return sums;
}

}  // namespace espalier
