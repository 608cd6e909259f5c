#include "worker/network/graph_body.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "worker/network/seeded_generator.h"
#include "worker/operators/computations.h"

namespace espalier {
namespace {

at::Tensor run_layer(const MaskedLayer& layer, const at::Tensor& x, const Pass& pass) {
  if (pass.observer != nullptr) pass.observer->on_layer_input(layer.name(), x);
  const at::Tensor y = layer.forward(x);
  if (pass.observer != nullptr) pass.observer->on_layer_output(layer.name(), y);
  if (pass.meter != nullptr) pass.meter->add(layer.name(), layer.compute(x, y));
  return y;
}

class GraphBody : public NetworkBody {
 public:
  GraphBody(std::shared_ptr<const OperatorGraph> graph, FlatParameters& parameters)
      : graph_(std::move(graph)), kept_(graph_->values().size()), device_(parameters.values.device()) {
    std::vector<at::Tensor> masks(kept_.size());
    for (ValueIndex i = 0; i < kept_.size(); ++i) {
      const Value& value = graph_->value(i);
      if (value.source == Value::Source::parameter) {
        kept_[i] = parameters.add(value.name, sizes_of(value.dims), value.role);
        if (value.role == ParameterRole::weight) masks[i] = parameters.prunable.back().mask;
      } else if (value.source == Value::Source::buffer) {
        kept_[i] = parameters.add_buffer(value.name, sizes_of(value.dims), value.initial);
      }
    }
    for (std::size_t i = 0; i < graph_->nodes().size(); ++i) steps_.push_back(make_step(i, masks));
    draws_ = std::ranges::any_of(graph_->nodes(), [](const Node& node) {
      return node.op->name().ends_with("Dropout") || node.attributes.contains("dropout");
    });
  }

  void seed_step(std::uint64_t seed) override { seed_ = seed; }

  at::Tensor forward(const at::Tensor& input, const Pass& pass) const override {
    std::optional<SeededGenerator> seeded;
    if (draws_ && seed_ && pass.mode == Mode::train) seeded.emplace(device_, *seed_);
    std::vector<at::Tensor> values = kept_;
    values[graph_->input()] = shaped(input);
    std::vector<at::Tensor> inputs;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const Node& node = graph_->nodes()[i];
      inputs.clear();
      for (const ValueIndex index : node.inputs) inputs.push_back(index == kNoValue ? at::Tensor() : values[index]);
      at::Tensor& output = values[node.output];
      output = steps_[i].layer ? run_layer(*steps_[i].layer, inputs[0], pass)
                               : steps_[i].computation({*graph_, node, inputs, pass});
      if (pass.observer != nullptr) {
        show(*pass.observer, i, values);
      } else {
        for (const ValueIndex index : steps_[i].last_read) values[index].reset();
      }
    }
    return values[graph_->output()];
  }

  void on_masks_changed() override {
    for (const Step& step : steps_) {
      if (step.layer) step.layer->on_mask_changed();
    }
  }

 private:
  /// Examples whose numbers lie in another shape, such as rows of an image without channels.
  at::Tensor shaped(const at::Tensor& input) const {
    const Dims& dims = graph_->value(graph_->input()).dims;
    bool same = input.dim() == static_cast<std::int64_t>(dims.size());
    for (std::size_t i = 1; i < dims.size() && same; ++i)
      same = input.size(static_cast<std::int64_t>(i)) == dims[i].size;
    if (same) return input;
    std::vector<std::int64_t> sizes = sizes_of(dims);
    sizes[0] = input.size(0);
    return input.reshape(sizes);
  }

  struct Step {
    std::shared_ptr<MaskedLayer> layer;  // of a weight that can be pruned
    Computation computation = nullptr;   // of anything else
    std::vector<ValueIndex> last_read;   // computed values that no later node reads
  };

  Step make_step(std::size_t place, const std::vector<at::Tensor>& masks) const {
    const Node& node = graph_->nodes()[place];
    Step step;
    const at::Tensor bias = graph_->has_input(node, 2) ? kept_[node.inputs[2]] : at::Tensor();
    const bool has_computed_bias = graph_->has_input(node, 2) && !bias.defined();
    if (node.op->has(OperatorTrait::layer) && masks[node.inputs[1]].defined() && !has_computed_bias) {
      step.layer = make_layer(*graph_, node, {kept_[node.inputs[1]], bias, masks[node.inputs[1]]});
    } else {
      step.computation = computation_of(*node.op);
    }
    for (const ValueIndex index : node.inputs) {
      const bool last = index != kNoValue && graph_->value(index).source == Value::Source::node &&
                        graph_->readers(index).back() == place && index != graph_->output();
      if (last) step.last_read.push_back(index);
    }
    return step;
  }

  /// What observers see of a node that has computed.
  void show(ForwardObserver& observer, std::size_t place, const std::vector<at::Tensor>& values) const {
    const Node& node = graph_->nodes()[place];
    if (node.op->has(OperatorTrait::relu)) observer.on_relu(node.name, values[node.output]);
    if (node.op->has(OperatorTrait::batch_norm)) observer.on_batch_norm(node.name, values[node.inputs[0]]);
    for (const Block& block : graph_->blocks()) {
      if (block.end == place + 1) observer.on_block(block.name, values[block.input], values[block.output]);
    }
  }

  const std::shared_ptr<const OperatorGraph> graph_;
  std::vector<at::Tensor> kept_;  // parameters and buffers, by ValueIndex
  const c10::Device device_;
  bool draws_ = false;  // in training
  std::optional<std::uint64_t> seed_;
  std::vector<Step> steps_;
};

}  // namespace

std::unique_ptr<NetworkBody> make_graph_body(std::shared_ptr<const OperatorGraph> graph, FlatParameters& parameters) {
  return std::make_unique<GraphBody>(std::move(graph), parameters);
}

}  // namespace espalier
