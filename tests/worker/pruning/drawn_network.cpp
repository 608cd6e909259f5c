#include "tests/worker/pruning/drawn_network.h"

#include <ATen/ATen.h>

#include "base/random.h"
#include "tests/worker/cpu.h"
#include "worker/network/initialization.h"

namespace espalier {

Network drawn_network(const ModelDescription& model, c10::ScalarType type) {
  Network network(model, kCpu, type);
  InitSpec spec;
  spec.scheme = "kaiming_normal";
  spec.stream = "init";
  initialize(network, spec, 5);
  NamedTensors weights = network.weights();
  RandomStream random(5, "disturbance");
  for (auto& [name, tensor] : weights)
    if (tensor.dim() == 1) tensor = tensor.add(0.1 + 0.1 * random.uniform());
  network.set_weights(weights);
  return network;
}

at::Tensor some_examples(const ModelDescription& model, c10::ScalarType type) {
  at::manual_seed(7);
  return at::randn({2, model.input[0], model.input[1], model.input[2]}, type);
}

}  // namespace espalier
