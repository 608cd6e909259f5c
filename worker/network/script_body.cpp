#include "worker/network/script_body.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/grad_mode.h>

#include "worker/network/seeded_generator.h"
#include "worker/torchscript/script_module.h"

namespace espalier {
namespace {

using TensorKind = ScriptTensor::Kind;

class ScriptBody : public NetworkBody {
 public:
  ScriptBody(ScriptModule module, const ModelDescription& model, FlatParameters& parameters)
      : module_(std::move(module)), classes_(model.classes), where_(model.file_path) {
    const at::NoGradGuard no_grad;
    device_ = parameters.values.device();
    for (std::size_t i = 0; i < module_.tensors().size(); ++i) {
      const ScriptTensor one = module_.tensors()[i];
      if (one.kind == TensorKind::buffer) {
        at::Tensor kept = one.tensor.detach().clone(at::MemoryFormat::Contiguous);
        if (kept.is_floating_point()) kept = kept.to(parameters.values.scalar_type());
        parameters.buffers.push_back({one.name, kept, std::nullopt});
        module_.place(i, kept);
      } else {
        const auto role = one.kind == TensorKind::weight ? Parameter::Role::weight : Parameter::Role::other;
        const at::Tensor leaf = parameters.add(one.name, one.tensor.sizes().vec(), role);
        leaf.copy_(one.tensor);
        module_.place(i, leaf);
      }
    }
    for (const ModelFile::Layer& layer : model.file->layers) {
      for (const PrunableWeight& weight : parameters.prunable) {
        if (weight.layer == layer.name) layers_.push_back({layer.name, layer.madds, weight.mask});
      }
    }
  }

  void seed_step(std::uint64_t seed) override { seed_ = seed; }
  void on_masks_changed() override {
    for (LayerWork& layer : layers_) layer.density = layer.mask.mean(at::kDouble).item<double>();
  }

  at::Tensor forward(const at::Tensor& input, const Pass& pass) const override {
    const bool train = pass.mode == Mode::train;
    std::optional<SeededGenerator> seeded;
    if (train && seed_) seeded.emplace(device_, *seed_);
    LayerUse use;
    if (pass.observer != nullptr) {
      use = [&](const std::string& layer, const at::Tensor& given, const std::optional<at::Tensor>& gives) {
        pass.observer->on_layer_input(layer, given);
        if (gives) pass.observer->on_layer_output(layer, *gives);
      };
    }
    at::Tensor output = module_.forward(input, train, use ? &use : nullptr);
    if (pass.meter != nullptr) meter(*pass.meter, input.size(0));
    require_logits(output, input.size(0), classes_, train, where_);
    if (train) module_.settle_buffers();
    return output;
  }

 private:
  /// What a layer does for one example; the module computes densely.
  struct LayerWork {
    std::string name;
    std::int64_t madds = 0;
    at::Tensor mask;
    double density = 1;
  };
  void meter(ComputeMeter& meter, std::int64_t examples) const {
    for (const LayerWork& layer : layers_) {
      const std::int64_t done = examples * layer.madds;
      meter.add(layer.name, {done, static_cast<double>(done) * layer.density});
    }
  }

  std::vector<LayerWork> layers_;
  mutable ScriptModule module_;  // LibTorch's own forward is not const
  const std::int64_t classes_;
  const std::string where_;  // for messages
  c10::Device device_{c10::kCPU};
  std::optional<std::uint64_t> seed_;
};

}  // namespace

std::unique_ptr<NetworkBody> make_script_body(const ModelDescription& model, FlatParameters& parameters) {
  ScriptModule module(model.file_path, parameters.values.device(), model.file->content);
  if (model.file->keeps_shape) module.keep_shape();
  return std::make_unique<ScriptBody>(std::move(module), model, parameters);
}

}  // namespace espalier
