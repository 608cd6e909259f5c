#include <ATen/core/grad_mode.h>

#include "tests/worker/golden/golden_case.h"

// What a network computes: outputs, loss, gradients, and what passes through it.

namespace espalier {
namespace {

NamedTensors same_as_golden(const GoldenCase& golden, const std::string& key) {
  return {{"", golden.tensor(key)}};
}

NamedTensors out(const GoldenCase& golden, const std::string&) {
  const at::NoGradGuard no_grad;
  return {{"", golden.network().forward(golden.batch().inputs)}};
}

NamedTensors loss(const GoldenCase& golden, const std::string&) {
  const at::NoGradGuard no_grad;
  const Batch batch = golden.batch();
  return {{"", golden.network().loss(batch.inputs, batch.labels).reshape({1})}};
}

/// Gradients of all parameters, laid out as the parameters are.
NamedTensors gradients(const GoldenCase& golden, const std::string&) {
  Network network = golden.network();
  const Batch batch = golden.batch();
  network.loss_and_gradients(batch.inputs, batch.labels, Mode::evaluate);
  NamedTensors named;
  std::int64_t offset = 0;
  for (const Parameter& parameter : network.named()) {
    const std::int64_t count = parameter.leaf.numel();
    named.emplace_back(parameter.name, network.gradients().narrow(0, offset, count).view(parameter.leaf.sizes()));
    offset += count;
  }
  return named;
}

NamedTensors parameters(const GoldenCase& golden, const std::string&) {
  NamedTensors named;
  const Network network = golden.network();
  for (const Parameter& parameter : network.named()) named.emplace_back(parameter.name, parameter.leaf.detach());
  return named;
}

NamedTensors buffers(const GoldenCase& golden, const std::string&) {
  NamedTensors named;
  const Network network = golden.network();
  for (const Buffer& buffer : network.buffers()) named.emplace_back(buffer.name, buffer.tensor);
  return named;
}

class Hidden : public ForwardObserver {
 public:
  NamedTensors seen;
  void on_block(const std::string&, const at::Tensor& input, const at::Tensor& output) override {
    if (seen.empty()) seen.emplace_back("0", input);
    seen.emplace_back(std::to_string(seen.size()), output);
  }
};

NamedTensors hidden(const GoldenCase& golden, const std::string&) {
  const at::NoGradGuard no_grad;
  Hidden observer;
  golden.network().forward(golden.batch().inputs, {Mode::evaluate, &observer});
  return observer.seen;
}

}  // namespace

GoldenTable golden_networks() {
  return {
      {"param", {0, parameters}},
      {"buffer", {0, buffers}},
      {"x", {0, [](const GoldenCase& golden, const std::string&) { return same_as_golden(golden, "x"); }}},
      {"y", {0, [](const GoldenCase& golden, const std::string&) { return same_as_golden(golden, "y"); }}},
      {"out", {1e-5, out}},
      {"loss", {1e-5, loss}},
      {"grad", {1e-5, gradients}},
      {"hidden", {1e-5, hidden}},
  };
}

}  // namespace espalier
