#include "worker/lowering/recording.h"

#include <algorithm>
#include <array>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>
#include <torch/csrc/jit/frontend/source_range.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include "worker/lowering/translations.h"
#include "worker/torchscript/recorded_call.h"
#include "worker/torchscript/script_module.h"
#include "worker/torchscript/torch_message.h"

// The dispatcher reports every operator, those inside others too. An operator with a translation is kept and what is
// inside is not looked at; one without is looked into. A tensor depends on the examples or a parameter if a call with
// such an input gave it; all of them are kept alive, so that they are known by their addresses. What an operator
// without translation gives, and no operator inside it accounts for, cannot be described.

namespace espalier {
namespace {

using Names = std::vector<std::string_view>;

bool is_among(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

/// They give a number, and code of the module may go on with it in one way or another.
const Names& readings() {
  static const Names kReadings{"aten::_local_scalar_dense", "aten::equal", "aten::allclose", "aten::is_nonzero"};
  return kReadings;
}

/// They look at their inputs' shapes alone.
const Names& shape_readers() {
  static const Names kReaders{"aten::empty_like", "aten::zeros_like",        "aten::ones_like",  "aten::full_like",
                              "aten::new_empty",  "aten::new_empty_strided", "aten::new_zeros",  "aten::new_ones",
                              "aten::new_full",   "aten::_shape_as_tensor",  "aten::result_type"};
  return kReaders;
}

const Names& draws() {
  static const Names kDraws{"aten::bernoulli", "aten::bernoulli_", "aten::rand",     "aten::rand_like",
                            "aten::randn",     "aten::randn_like", "aten::normal",   "aten::normal_",
                            "aten::uniform_",  "aten::randint",    "aten::randperm", "aten::multinomial"};
  return kDraws;
}

/// Of steps such as "TOP(Net)::forward", "layer1(Sequential)::forward", "SELF(Conv2d)::_conv_forward" and
/// "CALL_FUNCTION::relu()::relu": the instances' names, joined. "" if one is not known.
std::string module_path(const std::vector<std::string>& hierarchy) {
  std::string path;
  for (const std::string& step : hierarchy) {
    const std::string instance = step.substr(0, step.find('('));
    if (instance == "TOP" || instance == "SELF" || instance.starts_with("CALL_FUNCTION")) continue;
    if (instance == "INSTANCE_NAME_UNKNOWN") return "";
    path += (path.empty() ? "" : ".") + instance;
  }
  return path;
}

class CallRecorder;
// Callbacks of the dispatcher are plain functions; they find the recorder of the pass that runs on their thread.
thread_local CallRecorder* present_recorder = nullptr;

class CallRecorder {
 public:
  CallRecorder(const ScriptModule& module, const at::Tensor& examples, bool train)
      : before_(present_recorder), train_(train) {
    for (const ScriptTensor& one : module.tensors()) {
      module_tensors_.insert(one.tensor.unsafeGetTensorImpl());
      if (one.kind != ScriptTensor::Kind::buffer) depend(one.tensor);
    }
    depend(examples);
    present_recorder = this;
    handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback(on_start, on_end)
                                             .needsInputs(true)
                                             .needsOutputs(true)
                                             .scopes({at::RecordScope::FUNCTION}));
  }
  ~CallRecorder() {
    at::removeCallback(handle_);
    present_recorder = before_;
  }
  CallRecorder(const CallRecorder&) = delete;
  CallRecorder& operator=(const CallRecorder&) = delete;

  Recording take() { return std::move(recording_); }

 private:
  struct Entered : at::ObserverContext {
    std::optional<RecordedCall> call;  // none: looked into
    std::string name;
    bool writes = false;  // to a dependent one
    std::size_t calls_before = 0;
    std::size_t returns = 0;
  };

  static std::unique_ptr<at::ObserverContext> on_start(const at::RecordFunction& function) {
    return present_recorder != nullptr ? present_recorder->start(function) : nullptr;
  }
  static void on_end(const at::RecordFunction& function, at::ObserverContext* context) {
    if (present_recorder != nullptr && context != nullptr)
      present_recorder->end(function, static_cast<Entered&>(*context));
  }

  std::unique_ptr<at::ObserverContext> start(const at::RecordFunction& function) {
    if (inside_ || recording_.obstacle) return nullptr;
    const std::string name = function.name();
    auto schema = function.operator_schema();
    if (!schema) return nullptr;
    if (is_among(draws(), name)) recording_.draws.push_back({name, stack_here(), module_here()});
    if (train_)
      return find_translation(name, *schema) != nullptr ? keep(name, *schema, plain_inputs(function)) : nullptr;
    std::vector<RecordedInput> inputs;
    bool depends = false;
    for (const c10::IValue& value : own_inputs(function)) {
      inputs.push_back(split(value));
      for (const at::Tensor& tensor : inputs.back().tensors) {
        depends = depends || is_dependent(tensor);
        if (tensor.defined() && !is_dependent(tensor) && shares_memory(tensor))
          stop(name + " reads numbers that were computed and came here in a way that is not understood");
      }
    }
    refuse_writing(name, *schema, inputs);
    if (!depends || recording_.obstacle) return nullptr;
    if (!at::GradMode::is_enabled()) {
      stop(name + " runs where no gradients are recorded, which is not described");
      return nullptr;
    }
    if (is_among(readings(), name)) {
      stop("a computed number decides what is computed (" + name + ")");
      return nullptr;
    }
    if (find_translation(name, *schema) == nullptr) return look_into(name, *schema, inputs);
    for (RecordedInput& input : inputs) {
      for (at::Tensor& tensor : input.tensors) {
        if (tensor.defined() && !is_dependent(tensor) && !module_tensors_.contains(tensor.unsafeGetTensorImpl()))
          tensor = copy_of(tensor);
      }
    }
    return keep(name, *schema, std::move(inputs));
  }

  std::unique_ptr<Entered> keep(const std::string& name, const c10::FunctionSchema& schema,
                                std::vector<RecordedInput> inputs) {
    auto entered = std::make_unique<Entered>();
    entered->returns = schema.returns().size();
    entered->call.emplace(RecordedCall{name, schema, std::move(inputs), {}, module_here(), stack_here()});
    inside_ = true;
    return entered;
  }

  std::unique_ptr<Entered> look_into(const std::string& name, const c10::FunctionSchema& schema,
                                     const std::vector<RecordedInput>& inputs) const {
    auto entered = std::make_unique<Entered>();
    entered->name = name;
    entered->returns = schema.returns().size();
    entered->calls_before = recording_.calls.size();
    for (std::size_t i = 0; i < inputs.size() && i < schema.arguments().size(); ++i) {
      if (!is_written(schema, i)) continue;
      entered->writes =
          entered->writes || std::ranges::any_of(inputs[i].tensors, [&](const auto& one) { return is_dependent(one); });
    }
    return entered;
  }

  void end(const at::RecordFunction& function, Entered& entered) {
    if (train_) {
      inside_ = false;
      recording_.calls.push_back(std::move(*entered.call));
      return;
    }
    std::vector<at::Tensor> outputs;
    const auto& shown = function.outputs();
    for (std::size_t i = shown.size() - std::min(entered.returns, shown.size()); i < shown.size(); ++i) {
      const RecordedInput output = split(shown[i]);
      outputs.insert(outputs.end(), output.tensors.begin(), output.tensors.end());
    }
    if (entered.call) {
      inside_ = false;
      for (const at::Tensor& tensor : outputs) {
        entered.call->outputs.push_back(
            {tensor, tensor.defined() ? tensor.sizes().vec() : std::vector<std::int64_t>()});
        if (tensor.defined()) depend(tensor);
      }
      recording_.calls.push_back(std::move(*entered.call));
      return;
    }
    if (recording_.obstacle || is_among(shape_readers(), entered.name)) return;
    const bool accounts = recording_.calls.size() > entered.calls_before;
    const bool known = std::ranges::all_of(
        outputs, [&](const at::Tensor& tensor) { return !tensor.defined() || is_dependent(tensor); });
    if (!known || (entered.writes && !accounts)) stop(entered.name + " is not understood");
  }

  static RecordedInput split(const c10::IValue& value) {
    if (value.isTensor()) return {{}, {value.toTensor()}};
    RecordedInput result;
    if (value.isList()) {
      const auto list = value.toListRef();
      const bool tensors = std::ranges::any_of(list, [](const c10::IValue& one) { return one.isTensor(); });
      if (tensors) {
        for (const c10::IValue& one : list) result.tensors.push_back(one.isTensor() ? one.toTensor() : at::Tensor());
        return result;
      }
    }
    result.value = value;
    return result;
  }

  static std::vector<RecordedInput> plain_inputs(const at::RecordFunction& function) {
    std::vector<RecordedInput> inputs;
    for (const c10::IValue& value : own_inputs(function)) inputs.push_back({split(value).value, {}});
    return inputs;
  }

  static bool is_written(const c10::FunctionSchema& schema, std::size_t argument) {
    const c10::AliasInfo* alias = schema.arguments()[argument].alias_info();
    return alias != nullptr && alias->isWrite();
  }

  /// A copy that is no operation of the module.
  static at::Tensor copy_of(const at::Tensor& tensor) {
    const at::DisableRecordFunctionGuard quiet;
    const at::NoGradGuard no_grad;
    return tensor.detach().clone(at::MemoryFormat::Contiguous);
  }

  /// Buffers of the module stay as they are in evaluation.
  void refuse_writing(const std::string& name, const c10::FunctionSchema& schema,
                      const std::vector<RecordedInput>& inputs) {
    for (std::size_t i = 0; i < inputs.size() && i < schema.arguments().size(); ++i) {
      if (!is_written(schema, i)) continue;
      for (const at::Tensor& tensor : inputs[i].tensors) {
        if (tensor.defined() && module_tensors_.contains(tensor.unsafeGetTensorImpl()))
          stop(name + " changes a tensor of the module in evaluation mode");
      }
    }
  }

  bool is_dependent(const at::Tensor& tensor) const {
    return tensor.defined() && dependent_.contains(tensor.unsafeGetTensorImpl());
  }
  bool shares_memory(const at::Tensor& tensor) const {
    return tensor.has_storage() && memory_.contains(tensor.storage().unsafeGetStorageImpl());
  }
  void depend(const at::Tensor& tensor) {
    if (!dependent_.insert(tensor.unsafeGetTensorImpl()).second) return;
    if (tensor.has_storage()) memory_.insert(tensor.storage().unsafeGetStorageImpl());
    kept_.push_back(tensor);
  }
  void stop(const std::string& what) {
    if (!recording_.obstacle) recording_.obstacle = {what, stack_here()};
  }
  static CallStack stack_here() {
    std::vector<torch::jit::StackEntry> stack = torch::jit::currentCallstack();
    std::ranges::reverse(stack);
    return std::make_shared<std::vector<torch::jit::StackEntry>>(std::move(stack));
  }
  static std::string module_here() { return module_path(torch::jit::currentModuleHierarchy()); }

  CallRecorder* before_;
  const bool train_;
  Recording recording_;
  std::set<const void*> module_tensors_, dependent_, memory_;
  std::vector<at::Tensor> kept_;
  at::CallbackHandle handle_ = 0;
  bool inside_ = false;  // of a call that is kept
};

}  // namespace

Recording record_calls(ScriptModule& module, const at::Tensor& examples, bool train) {
  const at::AutoGradMode with_grad(!train);
  CallRecorder recorder(module, examples, train);
  c10::IValue output = module.run(examples, train);
  Recording recording = recorder.take();
  recording.output = std::move(output);
  return recording;
}

std::string with_place(const std::string& what, const CallStack& stack) {
  std::ostringstream text;
  text << "Traceback of TorchScript (most recent call last):\n";
  if (stack) torch::jit::format_stack_trace(text, *stack);
  text << "\nRuntimeError: " << what;
  return torch_message(text.str());
}

}  // namespace espalier
