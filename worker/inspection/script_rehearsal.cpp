#include "worker/inspection/script_rehearsal.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/record_function.h>

#include "base/error.h"
#include "worker/machine/out_of_memory.h"
#include "worker/network/network.h"
#include "worker/torchscript/recorded_call.h"
#include "worker/torchscript/script_module.h"
#include "worker/torchscript/torch_message.h"

namespace espalier {
namespace {

constexpr std::int64_t kThree = 3;  // as many as no dimension of a batch has by chance
constexpr std::int64_t kTwo = 2;

class NormWatch;
thread_local NormWatch* present_norm_watch = nullptr;

/// Sees the batch norms of this thread that use the statistics of the batch. Those of instance norms, which LibTorch
/// computes by a batch norm over one example, are none.
class NormWatch {
 public:
  NormWatch() : before_(present_norm_watch) {
    present_norm_watch = this;
    handle_ = at::addThreadLocalCallback(
        at::RecordFunctionCallback(on_start, on_end).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
  }
  ~NormWatch() {
    at::removeCallback(handle_);
    present_norm_watch = before_;
  }
  NormWatch(const NormWatch&) = delete;
  NormWatch& operator=(const NormWatch&) = delete;

  bool any() const { return least_ != kNone; }
  /// The fewest numbers that one of them had of a channel.
  std::int64_t least_values() const { return least_; }

 private:
  struct Inside : at::ObserverContext {};
  static constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();

  static std::unique_ptr<at::ObserverContext> on_start(const at::RecordFunction& function) {
    return present_norm_watch != nullptr ? present_norm_watch->start(function) : nullptr;
  }
  static void on_end(const at::RecordFunction&, at::ObserverContext* context) {
    if (present_norm_watch != nullptr && context != nullptr) present_norm_watch->inside_instance_norm_ = false;
  }

  std::unique_ptr<at::ObserverContext> start(const at::RecordFunction& function) {
    constexpr std::size_t kTraining = 5;  // batch_norm(input, weight, bias, mean, variance, training, ...)
    const std::string_view name = function.name();
    if (name == "aten::instance_norm") {
      inside_instance_norm_ = true;
      return std::make_unique<Inside>();
    }
    if (name != "aten::batch_norm" || inside_instance_norm_) return nullptr;
    const auto inputs = own_inputs(function);
    if (inputs.size() <= kTraining || !inputs[kTraining].isBool() || !inputs[kTraining].toBool()) return nullptr;
    if (!inputs[0].isTensor() || inputs[0].toTensor().dim() < 2) return nullptr;
    const at::Tensor& x = inputs[0].toTensor();
    least_ = std::min(least_, x.numel() / std::max<std::int64_t>(x.size(1), 1));
    return nullptr;
  }

  NormWatch* before_;
  at::CallbackHandle handle_ = 0;
  bool inside_instance_norm_ = false;
  std::int64_t least_ = kNone;
};

/// Numbers in [0, 1) that are all different.
at::Tensor small_examples(std::int64_t count, const std::array<std::int64_t, 3>& shape) {
  const std::int64_t numbers = count * shape[0] * shape[1] * shape[2];
  return at::arange(numbers, at::kDouble).mul(0.618).frac().to(at::kFloat).view({count, shape[0], shape[1], shape[2]});
}

/// The loss of a step on so many examples; the gradients are left in the leaves.
at::Tensor train_on(Network& network, std::int64_t examples) {
  const std::string& where = network.description().file_path;
  const at::AutoGradMode with_grad(true);
  for (const Parameter& parameter : network.named()) parameter.leaf.mutable_grad().reset();
  network.seed_step(1);
  try {
    const at::Tensor labels = at::arange(examples, at::kLong).remainder(network.description().classes);
    const at::Tensor loss =
        network.loss(small_examples(examples, network.description().input), labels, {Mode::train, nullptr});
    if (loss.requires_grad()) loss.backward();
    return loss.detach();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& failure) {
    const std::string complaint = torch_message(failure.what());
    if (const auto memory = memory_that_ran_out(complaint)) throw OutOfMemory(*memory, where + ": out of memory");
    throw Error(ErrorKind::invalid_input, where + ": the gradients of its loss fail: " + complaint);
  }
}

/// Layers that the gradients of train_on do not reach.
std::vector<std::string> layers_without_gradient(const Network& network) {
  bool any = false;
  std::vector<std::string> without;
  for (const Parameter& parameter : network.named()) {
    const bool has = parameter.leaf.grad().defined();
    any = any || has;
    if (!has && parameter.role == Parameter::Role::weight)
      without.push_back(parameter.name.substr(0, parameter.name.rfind('.')));
  }
  if (any) return without;
  throw Error(ErrorKind::invalid_input,
              network.description().file_path +
                  ": no gradient leads from its output back to any of its parameters, so nothing would be trained; the "
                  "output is detached, or computed without gradients");
}

/// What is not finite after train_on: of its loss, the gradients, or what the network keeps; "" if all is.
std::string not_finite(const Network& network, const at::Tensor& loss) {
  const auto is_finite = [](const at::Tensor& tensor) { return tensor.isfinite().all().item<bool>(); };
  if (!is_finite(loss)) return "its loss is no number";
  for (const Parameter& parameter : network.named()) {
    if (parameter.leaf.grad().defined() && !is_finite(parameter.leaf.grad()))
      return "the gradient of " + parameter.name + " is no number";
  }
  for (const Buffer& buffer : network.buffers()) {
    if (buffer.tensor.is_floating_point() && !is_finite(buffer.tensor))
      return "it leaves " + buffer.name + " without a number";
  }
  return "";
}

/// Calls it; complaints about the module end in what it was given.
template <typename Call>
void with_examples(const std::string& given, Call call) {
  try {
    call();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::invalid_input) throw;
    throw Error(error.kind(), std::string(error.what()) + " (it was given " + given + ")");
  }
}

/// Why training on one example fails where it does not on three, which left `finite` numbers.
std::string trouble_with_one(const ModelDescription& model, bool finite) {
  Network network(model, at::kCPU);
  const NormWatch norms;
  try {
    const at::Tensor loss = train_on(network, 1);
    if (finite) {
      const std::string trouble = not_finite(network, loss);
      if (!trouble.empty()) return trouble;
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::invalid_input) throw;
    return error.what();
  }
  return norms.any() && norms.least_values() == 1 ? "a batch norm has one number for each channel" : "";
}

std::string trouble_with_evaluating_one(const Network& network) {
  try {
    network.forward(small_examples(1, network.description().input));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::invalid_input) throw;
    return error.what();
  }
  return "";
}

}  // namespace

ScriptRehearsal rehearse_script(const ModelDescription& model) {
  const at::NoGradGuard no_grad;
  ScriptRehearsal seen;
  bool finite = false;
  {
    Network network(model, at::kCPU);
    const auto shape = [&](std::int64_t examples) {
      return shape_text(script_input(small_examples(examples, model.input), model.file->keeps_shape).sizes());
    };
    const auto evaluate = [&] { network.forward(small_examples(kThree, model.input)); };
    with_examples(shape(kThree) + " in evaluation mode, after " + shape(kTwo), evaluate);
    with_examples(shape(kThree) + " in training mode", [&] {
      const NormWatch norms;
      const at::Tensor loss = train_on(network, kThree);
      seen.untrained = layers_without_gradient(network);
      seen.batch_norm = norms.any();
      finite = not_finite(network, loss).empty();
    });
    with_examples(shape(kTwo) + " in training mode, after " + shape(kThree), [&] { train_on(network, kTwo); });
    with_examples(shape(kThree) + " in evaluation mode, after training", evaluate);
    seen.lone_evaluation = trouble_with_evaluating_one(network);
  }
  seen.lone_training = trouble_with_one(model, finite);
  return seen;
}

}  // namespace espalier
