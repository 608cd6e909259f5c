#include "worker/criteria/layer_inputs.h"

#include <algorithm>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/im2col.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"

namespace espalier {
namespace {

constexpr std::int64_t kUnfoldedAtOnce = 1 << 22;  // values: 16 MB

class InputObserver : public ForwardObserver {
 public:
  InputObserver(const Network& network, const std::function<void(std::size_t, const at::Tensor&)>& see)
      : network_(network), see_(see), seen_(network.prunable().size()) {}

  void on_layer_input(const std::string& layer, const at::Tensor& input) override {
    const auto& prunable = network_.prunable();
    const auto found =
        std::find_if(prunable.begin(), prunable.end(), [&](const auto& one) { return one.layer == layer; });
    if (found == prunable.end()) return;
    const auto index = static_cast<std::size_t>(found - prunable.begin());
    seen_[index] = true;
    const std::optional<Unfolding> unfolding = unfolding_of(network_.description(), layer);
    const std::int64_t columns = found->weight.numel() / found->weight.size(0);
    const std::int64_t positions = input.numel() / input.size(0) / found->weight.size(1);
    const std::int64_t examples = std::clamp<std::int64_t>(kUnfoldedAtOnce / (columns * positions), 1, input.size(0));
    for (const at::Tensor& part : input.split(examples)) see_(index, input_rows(part, unfolding).flatten(0, 1));
  }

  bool saw_all() const { return std::find(seen_.begin(), seen_.end(), false) == seen_.end(); }

 private:
  const Network& network_;
  const std::function<void(std::size_t, const at::Tensor&)>& see_;
  std::vector<bool> seen_;
};

}  // namespace

std::optional<Unfolding> unfolding_of(const ModelDescription& model, const std::string& layer) {
  if (!model.graph) return std::nullopt;
  const Node& node = layer_node(*model.graph, layer);
  const std::vector<std::int64_t> sizes = sizes_of(model.graph->dims(node, 1));
  if (sizes.size() != 4) return std::nullopt;
  return Unfolding{
      {sizes[2], sizes[3]}, node.integers("dilations"), node.integers("padding"), node.integers("strides")};
}

at::Tensor input_rows(const at::Tensor& input, const std::optional<Unfolding>& unfolding) {
  if (unfolding) {
    return at::im2col(input, unfolding->kernel, unfolding->dilations, unfolding->padding, unfolding->strides)
        .transpose(1, 2);
  }
  return input.dim() == 2 ? input.unsqueeze(1) : input;
}

void see_inputs(const CriterionContext& context,
                const std::function<void(std::size_t layer, const at::Tensor& rows)>& see) {
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
    sums.push_back(
        at::zeros({prunable.weight.numel() / prunable.weight.size(0)}, prunable.weight.options().dtype(at::kDouble)));
  }
  see_inputs(context, [&](std::size_t layer, const at::Tensor& rows) { sums[layer].add_(rows.square().sum(0)); });
  return sums;
}

}  // namespace espalier
