#pragma once

#include <algorithm>

#include <ATen/record_function.h>

namespace espalier {

/// The inputs of an operation that the dispatcher tells of. Some versions show the interpreter's whole stack; the
/// operation's own are the last.
inline c10::ArrayRef<const c10::IValue> own_inputs(const at::RecordFunction& function) {
  const auto schema = function.operator_schema();
  const auto shown = function.inputs();
  const std::size_t own = schema ? std::min(schema->arguments().size(), shown.size()) : shown.size();
  return shown.slice(shown.size() - own);
}

}  // namespace espalier
