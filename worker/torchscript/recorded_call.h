#pragma once

#include <ATen/core/Tensor.h>

namespace at {
struct RecordFunction;
}
namespace c10 {
struct IValue;
}

namespace espalier {

/// The inputs of an operation that the dispatcher reports. Some versions show the interpreter's whole stack; the
/// operation's own are the last.
c10::ArrayRef<const c10::IValue> own_inputs(const at::RecordFunction& function);

}  // namespace espalier
