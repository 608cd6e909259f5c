#pragma once

#include <ATen/core/Tensor.h>

#include "worker/network/network.h"
#include "worker/onnx/import_onnx.h"

namespace espalier {

/// An imported network with its tensors. The import says nothing of classes or a data set: neither does this.
inline Network network_of(const OnnxImport& import) {
  ModelDescription model;
  model.name = "onnx";
  model.graph = import.graph;
  Network network(model, at::kCPU);
  network.set_weights(import.tensors);
  return network;
}

}  // namespace espalier
