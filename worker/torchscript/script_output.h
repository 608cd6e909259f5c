#pragma once

#include <string>

#include <ATen/core/Tensor.h>

namespace c10 {
struct IValue;
}

namespace espalier {

struct ScriptOutput {
  at::Tensor tensor;
  std::string name;     ///< "logits", "0"; "" of a module that gives one tensor
  std::string ignored;  ///< the names of the others that are tensors, "aux1, aux2"; "" for none
};

/// The tensor that a module's output is, or holds: `choice` is the name or the place of a member of a tuple, list or
/// dictionary; "" takes the only tensor, or a tuple's first. Errors: ErrorKind::invalid_input with the members to
/// choose from.
ScriptOutput choose_output(const c10::IValue& output, const std::string& choice);

}  // namespace espalier
