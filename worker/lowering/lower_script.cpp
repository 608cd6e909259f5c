#include "worker/lowering/lower_script.h"

#include <algorithm>
#include <optional>
#include <set>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>

#include "base/error.h"
#include "base/some_names.h"
#include "experiments/operators/operator.h"
#include "experiments/operators/rewrites/rewrite.h"
#include "worker/lowering/call_lowering.h"
#include "worker/lowering/recording.h"
#include "worker/torchscript/script_module.h"
#include "worker/torchscript/script_output.h"
#include "worker/torchscript/script_remarks.h"

namespace espalier {
namespace {

constexpr std::int64_t kExamples = 2, kOtherExamples = 3;
constexpr std::uint64_t kSeed = 15, kProbeSeed = 16;

class ScriptLowering {
 public:
  ScriptLowering(const std::filesystem::path& path, const std::vector<std::int64_t>& input, std::int64_t classes,
                 bool keeps_shape)
      : path_(path.string()),
        input_(input),
        classes_(classes),
        keeps_shape_(keeps_shape),
        module_(path, at::kCPU),
        graph_(module_) {
    if (keeps_shape) module_.keep_shape();
  }

  LoweredModule lower(const std::string& output) {
    LoweredModule result;
    const ScriptOutput chosen = lower_runs(output);
    require_logits(chosen.tensor, kExamples, classes_, /*train=*/false, path_);
    try {
      result.graph = std::make_shared<const OperatorGraph>(rewritten(graph_.finish(chosen.tensor)));
    } catch (const Error& error) {
      rethrow(error);
    }
    result.remarks = std::move(graph_.remarks);
    if (!chosen.ignored.empty())
      result.remarks.push_back("its logits are " + chosen.name + ", and " + chosen.ignored + " is ignored");
    for (std::string& remark : remarks_on(module_)) result.remarks.push_back(std::move(remark));
    keep_tensors(result);
    watch(output, result);
    return result;
  }

 private:
  at::Tensor random_examples(std::int64_t count, std::uint64_t seed) const {
    std::vector<std::int64_t> sizes{count};
    sizes.insert(sizes.end(), input_.begin(), input_.end());
    auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    return at::randn(sizes, generator, at::TensorOptions(at::kFloat));
  }
  at::Tensor examples_of(std::int64_t count) const { return script_input(random_examples(count, kSeed), keeps_shape_); }

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
      result.remarks.push_back("left out, as the output does not depend on it in evaluation mode: " +
                               some_names(unread));
  }

  at::Tensor logits_of(const c10::IValue& value, const std::string& output, bool train) const {
    const at::Tensor logits = choose(value, output).tensor;
    require_logits(logits, kOtherExamples, classes_, train, path_);
    return logits.detach().clone();
  }

  /// Runs the module as it is. In training mode it does what the graph's training does not, which is remarked on.
  void watch(const std::string& output, LoweredModule& result) {
    ModuleOutputs& original = result.original;
    original.examples = random_examples(kOtherExamples, kProbeSeed);
    const at::Tensor given = script_input(original.examples, keeps_shape_);
    {
      const at::AutoGradMode with_grad(true);  // see record_calls
      original.evaluation = logits_of(module_.run(given, /*train=*/false), output, /*train=*/false);
    }
    const KeptBuffers kept(module_);
    const Recording whole = record_calls(module_, given, /*train=*/true);
    const bool same_norms = !remark_on(whole, result);
    const std::set<std::string> drawing = modules_that_draw(whole);
    if (!same_norms) return;
    if (drawing.empty()) {
      original.training = logits_of(whole.output, output, /*train=*/true);
      return;
    }
    kept.put_back();
    module_.keep_evaluating(drawing);
    const Recording quiet = record_calls(module_, given, /*train=*/true);
    if (modules_that_draw(quiet).empty()) {
      original.training = logits_of(quiet.output, output, /*train=*/true);
    } else {
      result.remarks.emplace_back(
          "its random numbers cannot be turned off in training mode, so that only its outputs in evaluation mode were "
          "compared");
    }
  }

  /// A copy of the module's buffers, which goes back into them in the end.
  class KeptBuffers {
   public:
    explicit KeptBuffers(const ScriptModule& module) : module_(module) {
      for (const ScriptTensor& one : module.tensors())
        copies_.push_back(one.kind == ScriptTensor::Kind::buffer ? one.tensor.clone() : at::Tensor());
    }
    ~KeptBuffers() { put_back(); }
    KeptBuffers(const KeptBuffers&) = delete;
    KeptBuffers& operator=(const KeptBuffers&) = delete;
    void put_back() const {
      const at::NoGradGuard no_grad;
      for (std::size_t i = 0; i < copies_.size(); ++i) {
        if (copies_[i].defined()) module_.tensors()[i].tensor.copy_(copies_[i]);
      }
    }

   private:
    const ScriptModule& module_;
    std::vector<at::Tensor> copies_;
  };

  static std::set<std::string> modules_that_draw(const Recording& recording) {
    std::set<std::string> modules;
    for (const Obstacle& draw : recording.draws) modules.insert(draw.module);
    for (const RecordedCall& call : recording.calls) {
      if (drops(call)) modules.insert(call.module);
    }
    return modules;
  }

  static bool is_dropout(const RecordedCall& call) {
    return call.name.starts_with("aten::dropout") || call.name.starts_with("aten::feature_dropout");
  }
  /// In a training step.
  static bool drops(const RecordedCall& call) {
    if (is_dropout(call)) return boolean(call, "train") && number(call, "p") > 0;
    return call.name.ends_with("scaled_dot_product_attention") && number(call, "dropout_p") > 0;
  }

  /// Whether some norms or dropouts of the module stay in evaluation mode, unlike the graph's.
  static bool remark_on(const Recording& recording, LoweredModule& result) {
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
    return frozen > 0;
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
  const std::int64_t classes_;
  const bool keeps_shape_;
  ScriptModule module_;
  GraphLowering graph_;
};

}  // namespace

LoweredModule lower_script(const std::filesystem::path& path, const std::vector<std::int64_t>& input,
                           std::int64_t classes, const std::string& output, bool keeps_shape) {
  return ScriptLowering(path, input, classes, keeps_shape).lower(output);
}

}  // namespace espalier
