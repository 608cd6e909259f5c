#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "experiments/models/model_description.h"

namespace espalier {

/// The catalog's lenet-5, conv-4, vgg-16-bn, resnet-20, resnet-56 and transformer, written down once more with the
/// widths that `outputs` says of a layer by name, as somebody would who wants a small network from the start. Errors:
/// ErrorKind::invalid_input for another model.
ModelDescription hand_built(const ModelSpec& model, const std::function<std::int64_t(const std::string&)>& outputs);

}  // namespace espalier
