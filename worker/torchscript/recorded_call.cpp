#include "worker/torchscript/recorded_call.h"

#include <algorithm>

#include <ATen/core/function_schema.h>
#include <ATen/record_function.h>

namespace espalier {

c10::ArrayRef<const c10::IValue> own_inputs(const at::RecordFunction& function) {
  const auto schema = function.operator_schema();
  const auto shown = function.inputs();
  const std::size_t own = schema ? std::min(schema->arguments().size(), shown.size()) : shown.size();
  return shown.slice(shown.size() - own);
}

}  // namespace espalier
