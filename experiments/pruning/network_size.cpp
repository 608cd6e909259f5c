#include "experiments/pruning/network_size.h"

#include <memory>

#include "base/error.h"
#include "experiments/pruning/removed_units.h"

namespace espalier {

NetworkSize size_of(const ModelDescription& model) {
  Safetensors content;
  for (const Value& value : model.graph->values()) {
    if (value.source != Value::Source::parameter && value.source != Value::Source::buffer) continue;
    content.tensors.push_back({value.name, TensorType::f32, sizes_of(value.dims), {}});
  }
  const ModelCounts counts = count_model(model);
  return {counts.parameters, counts.madds, safetensors_size(content)};
}

std::optional<NetworkSize> size_under(const ModelDescription& model, const std::vector<TensorBytes>& masks) {
  if (!model.graph) return std::nullopt;
  try {
    return size_of(model_without(model, removed_units(*model.graph, masks)));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::invalid_input) throw;
    return std::nullopt;
  }
}

}  // namespace espalier
