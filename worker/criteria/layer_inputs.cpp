#include "worker/criteria/layer_inputs.h"

#include <algorithm>
#include <variant>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/im2col.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"

namespace espalier {
namespace {

constexpr std::int64_t kUnfoldedAtOnce = 1 << 22;  // values: 16 MB

const Conv2dOp* find_conv(const std::vector<Op>& ops, const std::string& layer) {
  for (const Op& one : ops) {
    const Conv2dOp* found = nullptr;
    if (const auto* conv = std::get_if<Conv2dOp>(&one.op)) {
      if (conv->name == layer) found = conv;
    } else if (const auto* residual = std::get_if<ResidualOp>(&one.op)) {
      found = find_conv(residual->body, layer);
      if (found == nullptr) found = find_conv(residual->shortcut, layer);
    } else if (const auto* block = std::get_if<BlockOp>(&one.op)) {
      found = find_conv(block->body, layer);
    }
    if (found != nullptr) return found;
  }
  return nullptr;
}

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
    const Conv2dOp* conv = espalier::find_conv(network_.description(), layer);
    const std::int64_t columns = found->weight.numel() / found->weight.size(0);
    const std::int64_t positions = input.numel() / input.size(0) / found->weight.size(1);
    const std::int64_t examples = std::clamp<std::int64_t>(kUnfoldedAtOnce / (columns * positions), 1, input.size(0));
    for (const at::Tensor& part : input.split(examples)) see_(index, input_rows(part, conv).flatten(0, 1));
  }

  bool saw_all() const { return std::find(seen_.begin(), seen_.end(), false) == seen_.end(); }

 private:
  const Network& network_;
  const std::function<void(std::size_t, const at::Tensor&)>& see_;
  std::vector<bool> seen_;
};

}  // namespace

const Conv2dOp* find_conv(const ModelDescription& model, const std::string& layer) {
  return find_conv(model.ops, layer);
}

at::Tensor input_rows(const at::Tensor& input, const Conv2dOp* conv) {
  if (conv != nullptr) {
    const auto both = [](std::int64_t side) { return std::vector<std::int64_t>{side, side}; };
    return at::im2col(input, both(conv->kernel), both(1), both(conv->padding), both(conv->stride)).transpose(1, 2);
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
