#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>

namespace torch::jit {
struct StackEntry;
}

namespace espalier {

class ScriptModule;

/// Where the interpreter stands: its frames, the innermost last.
using CallStack = std::shared_ptr<const std::vector<torch::jit::StackEntry>>;

/// An argument of a call. Tensors are those of the module and those that calls gave; a constant is a copy, as it was
/// when it was read.
struct RecordedInput {
  c10::IValue value;                ///< of what is no tensor, nor a list of them
  std::vector<at::Tensor> tensors;  ///< one, or a list's; undefined for none
};

struct RecordedOutput {
  at::Tensor tensor;
  std::vector<std::int64_t> sizes;  ///< when the call ended: it may be changed in place later
};

/// A call of an operator with something among its inputs that depends on the examples or on a parameter.
struct RecordedCall {
  std::string name;  ///< "aten::conv2d"
  c10::FunctionSchema schema;
  std::vector<RecordedInput> inputs;  ///< as many as the schema's arguments
  std::vector<RecordedOutput> outputs;
  std::string module;  ///< in whose forward it stands: "layer1.0"; "" for the whole, or if that is not known
  CallStack stack;
};

/// What stands in the way of a description by operators.
struct Obstacle {
  std::string what;
  CallStack stack;
  std::string module = {};  ///< as RecordedCall::module, of a draw
};

/// One forward pass, call by call: the outermost operators that have a translation.
struct Recording {
  std::vector<RecordedCall> calls;
  c10::IValue output;
  std::optional<Obstacle> obstacle;  ///< the first
  std::vector<Obstacle> draws;       ///< random numbers that no call explains
};

/// In evaluation mode gradients are recorded, so that the module takes no path that is for inference alone. In training
/// mode all calls with a translation are kept, without tensors, and obstacles are none. Errors: those of
/// ScriptModule::run.
Recording record_calls(ScriptModule& module, const at::Tensor& examples, bool train);

/// "WHAT (net.py, line 21, in forward: return self.fc(x))".
std::string with_place(const std::string& what, const CallStack& stack);

}  // namespace espalier
