#include "worker/network/network_body.h"

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <ATen/ops/batch_norm.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/softmax.h>

#include "worker/data_parallel/sync_batch_norm.h"
#include "worker/layers/conv2d.h"
#include "worker/layers/linear.h"
#include "worker/network/script_body.h"

// The description is a tree (a residual has two branches, a block a body). Each operation becomes a function of (input,
// pass) that holds its own parameters; a branch is a list of such functions.

namespace espalier {
namespace {

using Role = Parameter::Role;
using Step = std::function<at::Tensor(const at::Tensor&, const Pass&)>;
using Steps = std::vector<Step>;
using Layers = std::vector<std::shared_ptr<MaskedLayer>>;

constexpr double kNormEpsilon = 1e-5;
constexpr double kNormMomentum = 0.1;

at::Tensor run(const Steps& steps, at::Tensor x, const Pass& pass) {
  for (const Step& step : steps) x = step(x, pass);
  return x;
}

at::Tensor run_layer(const MaskedLayer& layer, const at::Tensor& x, const Pass& pass) {
  if (pass.observer != nullptr) pass.observer->on_layer_input(layer.name(), x);
  const at::Tensor y = layer.forward(x);
  if (pass.observer != nullptr) pass.observer->on_layer_output(layer.name(), y);
  if (pass.meter != nullptr) pass.meter->add(layer.name(), layer.compute(y));
  return y;
}

class Builder {
 public:
  explicit Builder(FlatParameters& parameters) : parameters_(parameters) {}

  Steps build(const std::vector<Op>& ops) {
    Steps steps;
    for (const Op& one : ops) steps.push_back(std::visit([this](const auto& op) { return make(op); }, one.op));
    return steps;
  }
  /// Of all that was built.
  Layers layers() const { return layers_; }

 private:
  template <typename Layer, typename... Arguments>
  Step add_layer(Arguments... arguments) {
    const auto layer = std::make_shared<Layer>(std::move(arguments)...);
    layers_.push_back(layer);
    return [layer](const at::Tensor& x, const Pass& pass) { return run_layer(*layer, x, pass); };
  }

  LayerTensors tensors(const std::string& layer, const std::vector<std::int64_t>& shape, bool bias) {
    LayerTensors tensors{parameters_.add(layer + ".weight", shape, Role::weight), {}, {}};
    tensors.mask = parameters_.prunable.back().mask;
    if (bias) tensors.bias = parameters_.add(layer + ".bias", {shape[0]}, Role::bias);
    return tensors;
  }

  Step make(const LinearOp& op) { return add_layer<Linear>(op.name, tensors(op.name, {op.out, op.in}, op.bias)); }
  Step make(const Conv2dOp& op) {
    return add_layer<Conv2d>(op.name, tensors(op.name, {op.out, op.in, op.kernel, op.kernel}, op.bias), op.stride,
                             op.padding);
  }
  Step make(const ReluOp& op) {
    return [name = op.name](const at::Tensor& x, const Pass& pass) {
      const at::Tensor y = at::relu(x);
      if (pass.observer != nullptr && !name.empty()) pass.observer->on_relu(name, y);
      return y;
    };
  }
  Step make(const GeluOp&) {
    return [](const at::Tensor& x, const Pass&) { return at::gelu(x); };
  }
  Step make(const MaxPool2dOp& op) {
    return [op](const at::Tensor& x, const Pass&) { return at::max_pool2d(x, op.kernel, op.stride); };
  }
  Step make(const GlobalAvgPoolOp&) {
    return [](const at::Tensor& x, const Pass&) { return x.mean({2, 3}); };
  }
  Step make(const FlattenOp&) {
    return [](const at::Tensor& x, const Pass&) { return x.flatten(1); };
  }
  Step make(const BatchNorm2dOp& op) {
    const at::Tensor scale = parameters_.add(op.name + ".weight", {op.channels}, Role::scale);
    const at::Tensor shift = parameters_.add(op.name + ".bias", {op.channels}, Role::bias);
    const at::Tensor mean = parameters_.add_buffer(op.name + ".running_mean", {op.channels}, 0);
    const at::Tensor variance = parameters_.add_buffer(op.name + ".running_var", {op.channels}, 1);
    return [=](const at::Tensor& x, const Pass& pass) {
      if (pass.gang != nullptr && pass.mode == Mode::train) {
        return sync_batch_norm(x, {scale, shift, mean, variance}, kNormMomentum, kNormEpsilon, *pass.gang);
      }
      if (pass.mode == Mode::batch_statistics)
        return at::batch_norm(x, scale, shift, {}, {}, true, kNormMomentum, kNormEpsilon, false);
      return at::batch_norm(x, scale, shift, mean, variance, pass.mode == Mode::train, kNormMomentum, kNormEpsilon,
                            false);
    };
  }
  Step make(const ResidualOp& op) {
    Steps body = build(op.body);
    Steps shortcut = build(op.shortcut);
    return [body = std::move(body), shortcut = std::move(shortcut)](const at::Tensor& x, const Pass& pass) {
      const at::Tensor through = run(body, x, pass);
      return through.add(run(shortcut, x, pass));
    };
  }
  Step make(const BlockOp& op) {
    return [name = op.name, body = build(op.body)](const at::Tensor& x, const Pass& pass) {
      at::Tensor y = run(body, x, pass);
      if (pass.observer != nullptr) pass.observer->on_block(name, x, y);
      return y;
    };
  }
  Step make(const RowsOp&) {
    return [](const at::Tensor& x, const Pass&) { return x.transpose(1, 2).flatten(2); };
  }
  Step make(const EmbeddingOp& op) {
    const at::Tensor table = parameters_.add(op.name + ".weight", {op.vocabulary, op.width}, Role::embedding);
    return [table](const at::Tensor& x, const Pass&) { return at::embedding(table, x); };
  }
  Step make(const PositionOp& op) {
    const at::Tensor table = parameters_.add(op.name + ".weight", {op.tokens, op.width}, Role::embedding);
    return [table](const at::Tensor& x, const Pass&) { return x.add(table); };
  }
  Step make(const LayerNormOp& op) {
    const at::Tensor scale = parameters_.add(op.name + ".weight", {op.width}, Role::scale);
    const at::Tensor shift = parameters_.add(op.name + ".bias", {op.width}, Role::bias);
    return [=, width = op.width](const at::Tensor& x, const Pass&) {
      return at::layer_norm(x, {width}, scale, shift, kNormEpsilon, false);
    };
  }
  Step make(const AttentionOp& op) {
    const auto layer = [&](const char* part) {
      return add_layer<Linear>(op.name + part, tensors(op.name + part, {op.width, op.width}, true));
    };
    const Step q = layer(".q"), k = layer(".k"), v = layer(".v"), o = layer(".o");
    return [=](const at::Tensor& x, const Pass& pass) {
      const std::int64_t batch = x.size(0), tokens = x.size(1), head_width = op.width / op.heads;
      const auto heads = [&](const Step& part) {
        return part(x, pass).view({batch, tokens, op.heads, head_width}).transpose(1, 2);
      };
      const at::Tensor queries = heads(q), keys = heads(k), values = heads(v);
      at::Tensor match = at::matmul(queries, keys.transpose(2, 3)).div(std::sqrt(static_cast<double>(head_width)));
      if (op.causal) {
        const at::Tensor future = at::ones({tokens, tokens}, x.options().dtype(at::kBool)).triu(1);
        match = match.masked_fill(future, -HUGE_VAL);
      }
      const at::Tensor given = at::matmul(at::softmax(match, -1), values).transpose(1, 2).contiguous();
      if (pass.observer != nullptr) pass.observer->on_heads(op.name, given);
      return o(given.view({batch, tokens, op.width}), pass);
    };
  }
  Step make(const MeanTokensOp&) {
    return [](const at::Tensor& x, const Pass&) { return x.mean(1); };
  }

  FlatParameters& parameters_;
  Layers layers_;
};

class DescribedBody : public NetworkBody {
 public:
  DescribedBody(Steps steps, Layers layers) : steps_(std::move(steps)), layers_(std::move(layers)) {}
  at::Tensor forward(const at::Tensor& input, const Pass& pass) const override { return run(steps_, input, pass); }
  void on_masks_changed() override {
    for (const auto& layer : layers_) layer->on_mask_changed();
  }

 private:
  const Steps steps_;
  const Layers layers_;
};

}  // namespace

std::unique_ptr<NetworkBody> make_body(const ModelDescription& model, FlatParameters& parameters) {
  if (model.script) return make_script_body(model, parameters);
  Builder builder(parameters);
  Steps steps = builder.build(model.ops);
  return std::make_unique<DescribedBody>(std::move(steps), builder.layers());
}

}  // namespace espalier
