#include "worker/lowering/lower_script.h"

#include <algorithm>
#include <optional>
#include <set>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>

#include "base/error.h"
#include "experiments/operators/operator.h"
#include "experiments/operators/rewrites/rewrite.h"
#include "worker/lowering/call_lowering.h"
#include "worker/lowering/recording.h"
#include "worker/torchscript/script_module.h"
#include "worker/torchscript/script_output.h"

namespace espalier {
namespace {

constexpr std::int64_t kExamples = 2, kOtherExamples = 3;
constexpr std::uint64_t kSeed = 15;

/// "a, b, c and 12 more".
std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t kMostNamed = 4;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMostNamed); ++i) text += (i == 0 ? "" : ", ") + names[i];
  return names.size() > kMostNamed ? text + " and " + std::to_string(names.size() - kMostNamed) + " more" : text;
}

class ScriptLowering {
 public:
  ScriptLowering(const std::filesystem::path& path, const std::vector<std::int64_t>& input, bool keeps_shape)
      : path_(path.string()), input_(input), keeps_shape_(keeps_shape), module_(path, at::kCPU), graph_(module_) {
    if (keeps_shape) module_.keep_shape();
  }

  LoweredModule lower(std::int64_t classes, const std::string& output) {
    LoweredModule result;
    const ScriptOutput chosen = lower_runs(output);
    require_logits(chosen.tensor, kExamples, classes, /*train=*/false, path_);
    try {
      result.graph = std::make_shared<const OperatorGraph>(rewritten(graph_.finish(chosen.tensor)));
    } catch (const Error& error) {
      rethrow(error);
    }
    result.remarks = std::move(graph_.remarks);
    if (!chosen.ignored.empty())
      result.remarks.push_back("its logits are " + chosen.name + ", and " + chosen.ignored + " is ignored");
    keep_tensors(result);
    watch_training(result);
    return result;
  }

 private:
  at::Tensor examples_of(std::int64_t count) const {
    std::vector<std::int64_t> sizes{count};
    sizes.insert(sizes.end(), input_.begin(), input_.end());
    auto generator = at::make_generator<at::CPUGeneratorImpl>(kSeed);
    return script_input(at::randn(sizes, generator, at::TensorOptions(at::kFloat)), keeps_shape_);
  }

  [[noreturn]] void rethrow(const Error& error) const { throw Error(error.kind(), path_ + ": " + error.what()); }

  Recording record(const at::Tensor& examples) {
    Recording recording = record_calls(module_, examples, /*train=*/false);
    if (recording.obstacle)
      throw Error(ErrorKind::invalid_input,
                  path_ + ": " + with_place(recording.obstacle->what, recording.obstacle->stack));
    return recording;
  }

  ScriptOutput lower_runs(const std::string& output) {
    const at::Tensor examples = examples_of(kExamples), others = examples_of(kOtherExamples);
    const Recording one = record(examples), other = record(others);
    graph_.begin(examples, others, input_);
    lower_calls(one.calls, other.calls);
    return choose(one.output, output);
  }

  void lower_calls(const std::vector<RecordedCall>& calls, const std::vector<RecordedCall>& others) {
    for (std::size_t i = 0; i < calls.size(); ++i) {
      if (i >= others.size() || calls[i].name != others[i].name)
        throw Error(ErrorKind::invalid_input,
                    path_ + ": " +
                        with_place("which operators are computed depends on the number of examples: from " +
                                       calls[i].name + " on",
                                   calls[i].stack));
      try {
        graph_.lower(calls[i], others[i]);
      } catch (const Error& error) {
        rethrow(error);
      }
    }
    if (others.size() > calls.size())
      throw Error(
          ErrorKind::invalid_input,
          path_ + ": " + with_place("is computed for three examples, and not for two", others[calls.size()].stack));
  }

  ScriptOutput choose(const c10::IValue& value, const std::string& output) const {
    try {
      return choose_output(value, output);
    } catch (const Error& error) {
      rethrow(error);
    }
  }

  /// Those that are read.
  void keep_tensors(LoweredModule& result) const {
    std::set<std::string> read;
    for (const Value& value : result.graph->values()) {
      if (value.source == Value::Source::parameter || value.source == Value::Source::buffer) read.insert(value.name);
    }
    for (const auto& [name, tensor] : graph_.tensors) {
      if (read.contains(name)) result.tensors.emplace_back(name, tensor.detach());
    }
    std::vector<std::string> unread;
    for (const ScriptTensor& one : module_.tensors()) {
      if (one.kind != ScriptTensor::Kind::buffer && !read.contains(one.name)) unread.push_back(one.name);
    }
    if (!unread.empty())
      result.remarks.push_back("left out, as the output does not depend on it in evaluation mode: " + some_of(unread));
  }

  /// What a training step of the module would do that the graph's does not. Buffers are put back.
  void watch_training(LoweredModule& result) {
    std::vector<at::Tensor> before;
    for (const ScriptTensor& one : module_.tensors())
      before.push_back(one.kind == ScriptTensor::Kind::buffer ? one.tensor.clone() : at::Tensor());
    try {
      const Recording recording = record_calls(module_, examples_of(kOtherExamples), /*train=*/true);
      remark_on(recording, result);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::invalid_input) throw;
      result.remarks.push_back(std::string("it cannot be run in training mode: ") + error.what());
    }
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (before[i].defined()) module_.tensors()[i].tensor.copy_(before[i]);
    }
  }

  static bool is_dropout(const RecordedCall& call) {
    return call.name.starts_with("aten::dropout") || call.name.starts_with("aten::feature_dropout");
  }
  /// In a training step.
  static bool drops(const RecordedCall& call) {
    if (is_dropout(call)) return boolean(call, "train") && number(call, "p") > 0;
    return call.name.ends_with("scaled_dot_product_attention") && number(call, "dropout_p") > 0;
  }

  void remark_on(const Recording& recording, LoweredModule& result) const {
    if (!recording.draws.empty()) {
      const Obstacle& first = recording.draws.front();
      result.remarks.push_back(with_place(
          "draws random numbers in training that no dropout explains, such as those of stochastic depth; here none are "
          "drawn: " +
              first.what,
          first.stack));
    }
    const auto stays = [](const RecordedCall& call) {
      return is_dropout(call) ? !boolean(call, "train") : call.name == "aten::batch_norm" && !boolean(call, "training");
    };
    const auto frozen = std::ranges::count_if(recording.calls, stays);
    const auto dropping = std::ranges::count_if(recording.calls, drops);
    if (frozen > 0) {
      result.remarks.push_back(
          std::to_string(frozen) +
          " of its batch norms and dropouts stay in evaluation mode when it is trained (it was traced so, or they are "
          "frozen); here they are trained like any other");
    }
    const auto described = std::ranges::count_if(result.graph->nodes(),
                                                 [](const Node& node) { return node.op->name().ends_with("Dropout"); });
    if (dropping > described) {
      result.remarks.push_back("drops " + std::to_string(dropping) + " times in training, of which evaluation shows " +
                               std::to_string(described) + "; the others are left out");
    }
  }

  static const c10::IValue& argument(const RecordedCall& call, const char* name) {
    return call.inputs.at(static_cast<std::size_t>(call.schema.argumentIndexWithName(name).value())).value;
  }
  static bool boolean(const RecordedCall& call, const char* name) { return argument(call, name).toBool(); }
  static double number(const RecordedCall& call, const char* name) {
    return argument(call, name).toScalar().toDouble();
  }

  const std::string path_;
  const std::vector<std::int64_t> input_;
  const bool keeps_shape_;
  ScriptModule module_;
  GraphLowering graph_;
};

}  // namespace

LoweredModule lower_script(const std::filesystem::path& path, const std::vector<std::int64_t>& input,
                           std::int64_t classes, const std::string& output, bool keeps_shape) {
  return ScriptLowering(path, input, keeps_shape).lower(classes, output);
}

}  // namespace espalier
