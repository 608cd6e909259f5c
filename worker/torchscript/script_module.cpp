#include "worker/torchscript/script_module.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <sstream>
#include <tuple>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "worker/machine/out_of_memory.h"
#include "worker/torchscript/recorded_call.h"
#include "worker/torchscript/torch_message.h"

// A TorchScript module does not list which layers a call uses, nor their inputs. LibTorch's dispatcher does: while
// recording, a callback of this thread gets every operation with its inputs, and a layer is identified by its weight's
// memory.

namespace espalier {
namespace {

using TensorKind = ScriptTensor::Kind;

constexpr std::uintmax_t kLargestModuleFile = std::uintmax_t{16} << 30;

/// The bytes that were hashed are those that are run: a file may be another one a moment later.
torch::jit::Module load(const std::filesystem::path& path, std::string bytes, c10::Device device) {
  try {
    std::istringstream in(std::move(bytes));
    return torch::jit::load(in, device);
  } catch (const std::exception& failure) {
    const std::string complaint = torch_message(failure.what());
    if (const auto memory = memory_that_ran_out(complaint))
      throw OutOfMemory(*memory, path.string() + ": out of memory");
    throw Error(ErrorKind::invalid_input,
                path.string() +
                    ": is no TorchScript file that can be read; torch.jit.script(module).save(path) makes "
                    "one: " +
                    complaint);
  }
}

bool is_layer(const torch::jit::Module& module) {
  const auto name = module.type()->name();
  if (!name) return false;
  const std::string type = name->name();
  return type.ends_with("Linear") || type.ends_with("Conv2d");
}

/// A module's slot that holds a tensor.
struct Place {
  torch::jit::Module owner;
  std::string slot;
};

/// What computes the weights of a layer from other tensors, and how that is undone in Python.
struct Reparameterization {
  std::string_view slot;  // that its layers have
  std::string_view remedy;
};
constexpr std::array kReparameterizations{
    Reparameterization{"weight_g", "torch.nn.utils.remove_weight_norm(layer)"},
    Reparameterization{"weight_mask", "torch.nn.utils.prune.remove(layer, \"weight\")"},
    Reparameterization{"weight_u", "torch.nn.utils.remove_spectral_norm(layer)"}};
constexpr std::string_view kParametrized = "torch.nn.utils.parametrize.remove_parametrizations(layer, \"weight\")";

std::string computed_from(const std::vector<std::string>& parts, std::string_view remedy) {
  std::string text = "its weight is no parameter, but computed from ";
  for (std::size_t i = 0; i < parts.size(); ++i)
    text.append(i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ").append(parts[i]);
  return remedy.empty() ? text : text.append("; call ").append(remedy).append(" before it is scripted or traced");
}

bool is_parameter(const torch::jit::Module& module, const std::string& slot) {
  const auto index = module.type()->findAttributeSlot(slot);
  return index && module.type()->is_parameter(*index);
}

/// Tensors of a module that may be parts of its weight: those called so, and matrices.
std::vector<std::string> weight_parts(const torch::jit::Module& module, const std::string& prefix) {
  std::vector<std::string> parts;
  for (const auto& one : module.named_attributes(/*recurse=*/false)) {
    if (!one.value.isTensor() || !one.value.toTensor().defined()) continue;
    const bool matrix = is_parameter(module, one.name) && one.value.toTensor().dim() >= 2;
    if (one.name.starts_with("weight") || one.name.starts_with("original") || matrix)
      parts.push_back(prefix + one.name);
  }
  return parts;
}

/// Why the weight of a Linear or Conv2d cannot be pruned; "" of what is called so and has no weight of its own.
std::string why_left_out(const torch::jit::Module& layer) {
  for (const auto& child : layer.named_children()) {
    if (child.name != "parametrizations" || !child.value.hasattr("weight")) continue;
    const auto list = child.value.attr("weight");
    if (list.isModule()) return computed_from(weight_parts(list.toModule(), "parametrizations.weight."), kParametrized);
  }
  const std::vector<std::string> parts = weight_parts(layer, "");
  for (const auto& [slot, remedy] : kReparameterizations) {
    if (std::find(parts.begin(), parts.end(), slot) != parts.end()) return computed_from(parts, remedy);
  }
  if (std::find(parts.begin(), parts.end(), "weight") == parts.end())
    return parts.empty() ? "" : computed_from(parts, "");
  const at::Tensor weight = layer.attr("weight").toTensor();
  if (!is_parameter(layer, "weight")) return "its weight is a buffer, and no parameter";
  if (!weight.requires_grad()) return "its weight has requires_grad=False";
  return "its weight has the shape " + shape_text(weight.sizes());
}

bool is_stored_type(at::ScalarType type) {
  constexpr std::array kStored{at::kBool, at::kByte, at::kLong, at::kFloat, at::kDouble};
  return std::find(kStored.begin(), kStored.end(), type) != kStored.end();
}

std::string stored_name(const std::string& name) {
  return name.ends_with(".mask") ? name + ".value" : name;
}

class Watch;
// Callbacks of the dispatcher are plain functions; they find the watch of the call that is running on their thread.
thread_local Watch* present_watch = nullptr;

/// Sees the operations of one forward pass.
class Watch {
 public:
  Watch(const std::vector<ScriptTensor>& tensors, const LayerUse& use) : use_(use), before_(present_watch) {
    for (const ScriptTensor& one : tensors) {
      if (one.kind == TensorKind::weight) weights_.emplace(one.tensor.data_ptr(), &one);
    }
    present_watch = this;
    handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback(on_start, on_end)
                                             .needsInputs(true)
                                             .needsOutputs(true)
                                             .scopes({at::RecordScope::FUNCTION}));
  }
  ~Watch() {
    at::removeCallback(handle_);
    present_watch = before_;
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  struct Use : at::ObserverContext {
    std::string layer;
    at::Tensor input;
  };

  static std::unique_ptr<at::ObserverContext> on_start(const at::RecordFunction& function) {
    return present_watch != nullptr ? present_watch->start(function) : nullptr;
  }
  static void on_end(const at::RecordFunction& function, at::ObserverContext* context) {
    if (present_watch != nullptr && context != nullptr) present_watch->end(function, static_cast<Use&>(*context));
  }

  /// Nothing unless it is the outermost operation that multiplies with a layer's weight.
  std::unique_ptr<at::ObserverContext> start(const at::RecordFunction& function) {
    static constexpr std::array<std::string_view, 8> kProducts{
        "aten::linear", "aten::addmm",        "aten::matmul",      "aten::mm",
        "aten::conv2d", "aten::_convolution", "aten::convolution", "aten::baddbmm"};
    if (inside_ || std::find(kProducts.begin(), kProducts.end(), function.name()) == kProducts.end()) return nullptr;
    const at::Tensor* weight = nullptr;
    const at::Tensor* input = nullptr;  // what stands before the weight: linear(x, w, b), addmm(b, x, w)
    for (const c10::IValue& value : own_inputs(function)) {
      if (!value.isTensor() || !value.toTensor().defined()) continue;
      if (is_weight(value.toTensor())) {
        weight = &value.toTensor();
        break;
      }
      input = &value.toTensor();
    }
    if (weight == nullptr || input == nullptr) return nullptr;
    auto use = std::make_unique<Use>();
    const std::string& name = weights_.at(weight->data_ptr())->name;
    use->layer = name.substr(0, name.rfind('.'));
    use->input = *input;
    inside_ = true;
    return use;
  }

  void end(const at::RecordFunction& function, const Use& use) {
    inside_ = false;
    std::optional<at::Tensor> output;
    if (!function.outputs().empty() && function.outputs().back().isTensor())
      output = function.outputs().back().toTensor();
    use_(use.layer, use.input, output);
  }

  bool is_weight(const at::Tensor& tensor) const {
    const auto found = weights_.find(tensor.has_storage() ? tensor.data_ptr() : nullptr);
    return found != weights_.end() && found->second->tensor.numel() == tensor.numel();
  }

  const LayerUse& use_;
  Watch* before_;
  std::map<const void*, const ScriptTensor*> weights_;
  at::CallbackHandle handle_ = 0;
  bool inside_ = false;
};

}  // namespace

struct ScriptModule::Impl {
  torch::jit::Module module;
  std::string where;  // the file, for messages
  std::string content;
  bool keeps_shape = false;
  std::vector<ScriptTensor> tensors;
  std::vector<std::vector<Place>> places;  // parallel to tensors
  std::vector<ScriptLeftOut> left_out;
  std::set<std::string> leaves;
  std::set<std::string> evaluating;  // in training mode too

  void collect() {
    std::vector<std::pair<ScriptTensor, Place>> parameters, buffers;
    for (const auto& owner : module.named_modules()) {
      const std::string prefix = owner.name.empty() ? "" : owner.name + ".";
      if (owner.value.named_children().size() == 0) leaves.insert(owner.name);
      std::vector<std::string> slots;
      bool has_weight = false;
      for (const auto& one : owner.value.named_parameters(/*recurse=*/false)) {
        slots.push_back(one.name);
        if (!one.value.defined()) continue;
        const TensorKind kind = !one.value.requires_grad()                      ? TensorKind::buffer
                                : is_prunable(owner.value, one.name, one.value) ? TensorKind::weight
                                                                                : TensorKind::parameter;
        has_weight = has_weight || kind == TensorKind::weight;
        auto& list = kind == TensorKind::buffer ? buffers : parameters;
        list.emplace_back(ScriptTensor{prefix + one.name, kind, one.value}, Place{owner.value, one.name});
      }
      for (const auto& one : owner.value.named_attributes(/*recurse=*/false)) {
        const bool known = std::find(slots.begin(), slots.end(), one.name) != slots.end();
        if (known || !one.value.isTensor() || !one.value.toTensor().defined()) continue;
        buffers.emplace_back(ScriptTensor{prefix + one.name, TensorKind::buffer, one.value.toTensor()},
                             Place{owner.value, one.name});
      }
      if (has_weight || !is_layer(owner.value)) continue;
      std::string reason = why_left_out(owner.value);
      if (!reason.empty()) left_out.push_back({owner.name, std::move(reason)});
    }
    for (auto* list : {&parameters, &buffers}) {
      for (auto& [tensor, place] : *list) add(std::move(tensor), std::move(place));
    }
    check();
  }

  void set_mode(bool train) {
    module.train(train);
    if (!train || evaluating.empty()) return;
    for (const auto& one : module.named_modules()) {
      if (!evaluating.contains(one.name)) continue;
      torch::jit::Module held = one.value;
      if (held.hasattr("training")) held.setattr("training", false);
    }
  }

  /// Gives a tensor that is there under a second name one place more.
  void add(ScriptTensor tensor, Place place) {
    tensor.name = stored_name(tensor.name);
    const auto same = [&](const ScriptTensor& other) {
      return other.tensor.is_same(tensor.tensor) ||
             (tensor.tensor.numel() > 0 && other.tensor.data_ptr() == tensor.tensor.data_ptr() &&
              other.tensor.sizes() == tensor.tensor.sizes() && other.tensor.strides() == tensor.tensor.strides());
    };
    const auto found = std::find_if(tensors.begin(), tensors.end(), same);
    if (found == tensors.end()) {
      tensors.push_back(std::move(tensor));
      places.push_back({std::move(place)});
      return;
    }
    if (found->kind == TensorKind::parameter && tensor.kind == TensorKind::weight) {
      found->name = std::move(tensor.name);
      found->kind = TensorKind::weight;
    }
    places[static_cast<std::size_t>(found - tensors.begin())].push_back(std::move(place));
  }

  static bool is_prunable(const torch::jit::Module& owner, const std::string& slot, const at::Tensor& tensor) {
    return slot == "weight" && (tensor.dim() == 2 || tensor.dim() == 4) && tensor.numel() > 0 && is_layer(owner);
  }

  void check() const {
    for (const ScriptTensor& one : tensors) {
      const at::ScalarType type = one.tensor.scalar_type();
      const bool good = one.kind == TensorKind::buffer ? is_stored_type(type) : type == at::kFloat;
      if (good) continue;
      throw Error(ErrorKind::invalid_input,
                  where + ": " + one.name + " is of type " + c10::toString(type) +
                      (one.kind == TensorKind::buffer ? ", which artifacts do not hold"
                                                      : "; parameters are float32 here: call module.float() before "
                                                        "torch.jit.script"));
    }
    const auto prunable = [](const ScriptTensor& one) { return one.kind == TensorKind::weight; };
    if (std::any_of(tensors.begin(), tensors.end(), prunable)) return;
    constexpr std::size_t kMostNamed = 4;
    std::string why;
    for (std::size_t i = 0; i < std::min(left_out.size(), kMostNamed); ++i)
      why += (i == 0 ? ": of " : "; of ") + left_out[i].layer + ", " + left_out[i].reason;
    if (left_out.size() > kMostNamed) why += "; and so on";
    throw Error(ErrorKind::invalid_input,
                where +
                    ": has no Linear or Conv2d layer with a weight that is a trained parameter, so nothing to prune" +
                    (why.empty() ? " (a frozen module has none)" : why));
  }
};

ScriptModule::ScriptModule(const std::filesystem::path& path, c10::Device device, const std::string& content)
    : impl_(std::make_unique<Impl>()) {
  std::string bytes = read_file(path, kLargestModuleFile);
  impl_->where = path.string();
  impl_->content = to_hex(sha256(bytes));
  if (!content.empty() && impl_->content != content) {
    throw Error(ErrorKind::invalid_input,
                impl_->where + ": is another file than when this sweep was read; put it back, or run the sweep again");
  }
  impl_->module = load(path, std::move(bytes), device);
  impl_->collect();
}

ScriptModule::~ScriptModule() = default;
ScriptModule::ScriptModule(ScriptModule&&) noexcept = default;

const std::string& ScriptModule::content() const {
  return impl_->content;
}

const std::vector<ScriptTensor>& ScriptModule::tensors() const {
  return impl_->tensors;
}

const std::vector<ScriptLeftOut>& ScriptModule::left_out() const {
  return impl_->left_out;
}

bool ScriptModule::has_leaf(const std::string& module) const {
  return impl_->leaves.contains(module);
}

void ScriptModule::place(std::size_t index, const at::Tensor& tensor) {
  impl_->tensors[index].tensor = tensor;
  for (Place& place : impl_->places[index]) place.owner.setattr(place.slot, tensor);
}

void ScriptModule::settle_buffers() {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < impl_->tensors.size(); ++i) {
    const ScriptTensor& kept = impl_->tensors[i];
    if (kept.kind != TensorKind::buffer) continue;
    for (const Place& place : impl_->places[i]) {
      const at::Tensor present = place.owner.attr(place.slot).toTensor();
      if (present.is_same(kept.tensor)) continue;
      if (present.sizes() != kept.tensor.sizes()) {
        throw Error(ErrorKind::invalid_input,
                    impl_->where + ": its forward pass changes the shape of buffer " + kept.name);
      }
      kept.tensor.copy_(present.detach());
      this->place(i, kept.tensor);
      break;
    }
  }
}

void ScriptModule::keep_shape() {
  impl_->keeps_shape = true;
}

void ScriptModule::keep_evaluating(std::set<std::string> modules) {
  impl_->evaluating = std::move(modules);
}

c10::IValue ScriptModule::run(const at::Tensor& input, bool train) {
  const torch::jit::GraphOptimizerEnabledGuard as_written(false);
  try {
    impl_->set_mode(train);
    return impl_->module.forward({script_input(input, impl_->keeps_shape)});
  } catch (const Error&) {
    throw;
  } catch (const std::exception& failure) {
    const std::string complaint = torch_message(failure.what());
    if (const auto memory = memory_that_ran_out(complaint))
      throw OutOfMemory(*memory, impl_->where + ": out of memory");
    throw Error(ErrorKind::invalid_input, impl_->where + ": the module fails: " + complaint);
  }
}

at::Tensor ScriptModule::forward(const at::Tensor& input, bool train, const LayerUse* use) {
  std::optional<Watch> watch;
  if (use != nullptr) watch.emplace(impl_->tensors, *use);
  const c10::IValue output = run(input, train);
  if (output.isTensor()) return output.toTensor();
  throw Error(ErrorKind::invalid_input,
              impl_->where + ": the module gives a " + output.tagKind() + " where a tensor of logits is expected");
}

void ScriptModule::save(const std::filesystem::path& path) const {
  try {
    impl_->module.save(path.string());
  } catch (const std::exception& failure) {
    throw Error(ErrorKind::invalid_input, path.string() + ": cannot be written: " + torch_message(failure.what()));
  }
}

std::string shape_text(c10::IntArrayRef shape) {
  std::string text;
  for (const std::int64_t size : shape) text += (text.empty() ? "" : "x") + std::to_string(size);
  return text.empty() ? "no dimensions" : text;
}

void require_logits(const at::Tensor& output, std::int64_t examples, std::int64_t classes, bool train,
                    const std::string& where) {
  const bool fits = output.dim() == 2 && output.size(0) == examples && output.size(1) == classes;
  if (fits && output.is_floating_point()) return;
  const std::string given = std::to_string(examples) + (examples == 1 ? " example" : " examples");
  const std::string expected = std::to_string(examples) + "x" + std::to_string(classes);
  throw Error(ErrorKind::invalid_input,
              where + ": gives an output of " + shape_text(output.sizes()) +
                  (output.is_floating_point() ? "" : std::string(" of type ") + c10::toString(output.scalar_type())) +
                  " for " + given + (train ? " in training mode" : "") + "; expected " + expected +
                  " of float, a number for each class of the dataset");
}

at::Tensor script_input(const at::Tensor& examples, bool keeps_shape) {
  if (keeps_shape) return examples;
  std::int64_t sides = 0;  // that have an extent
  for (std::int64_t side = 1; side < examples.dim(); ++side) sides += examples.size(side) > 1 ? 1 : 0;
  const bool flat = examples.dim() == 4 && sides <= 1;
  return flat ? examples.flatten(1) : examples;
}

}  // namespace espalier
