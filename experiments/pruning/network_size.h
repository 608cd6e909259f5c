#pragma once

#include <optional>
#include <vector>

#include "experiments/formats/safetensors.h"
#include "experiments/models/model_description.h"
#include "experiments/stages/outcome.h"

namespace espalier {

/// Of a model that has a graph. The file holds its parameters and buffers as float32, and no metadata.
NetworkSize size_of(const ModelDescription& model);

/// Of what masks leave: without the channels, heads and blocks that they remove as a whole (removed_units.h). `masks`
/// as there. None for a model without a graph, and where what would be left is no network (shrink()).
std::optional<NetworkSize> size_under(const ModelDescription& model, const std::vector<TensorBytes>& masks);

}  // namespace espalier
