#include "worker/network/initialization.h"

#include <cmath>
#include <string>
#include <vector>

#include <ATen/ops/empty.h>

#include "base/error.h"
#include "base/random.h"
#include "base/suggest.h"
#include "experiments/catalog/catalog.h"

namespace espalier {
namespace {

constexpr double kEmbeddingDeviation = 0.02;  // Radford et al. 2018 (GPT), of tokens and places

struct Fans {
  double in;
  double out;
};

double glorot_normal(Fans fans) {
  return std::sqrt(2 / (fans.in + fans.out));
}
double kaiming_normal(Fans fans) {
  return std::sqrt(2 / fans.in);
}

double as_scripted(Fans) {
  return 0;  // not drawn
}

struct Scheme {
  const char* name;
  double (*deviation)(Fans);
};
constexpr Scheme kSchemes[] = {
#define ESPALIER_INIT(name, ...) {#name, name},
#include "experiments/catalog/inits.def"
#undef ESPALIER_INIT
};

const Scheme& find_scheme(const std::string& name) {
  std::vector<std::string> choices;
  for (const Scheme& scheme : kSchemes) {
    if (scheme.name == name) return scheme;
    choices.emplace_back(scheme.name);
  }
  throw Error(ErrorKind::invalid_input, "init: " + unknown_name(name, choices));
}

/// A weight's shape is [out, in] or [out, in, kernel, kernel].
Fans fans_of(const at::Tensor& weight) {
  const auto area = static_cast<double>(weight[0][0].numel());
  return {static_cast<double>(weight.size(1)) * area, static_cast<double>(weight.size(0)) * area};
}

}  // namespace

void initialize(Network& network, const InitSpec& spec, std::uint64_t seed) {
  const Scheme& scheme = find_scheme(spec.scheme);
  if (has(spec.scheme, InitProperty::of_script)) {
    if (network.description().file) return;  // the network came with its weights
    throw Error(ErrorKind::invalid_input,
                "init: " + spec.scheme + " keeps the weights of a model's file; this model has none");
  }
  NamedTensors weights = network.weights();
  using Role = Parameter::Role;
  const bool from_file = network.description().file.has_value();
  const std::size_t parameters = network.named().size();
  for (std::size_t index = 0; index < weights.size(); ++index) {
    at::Tensor& parameter = weights[index].second;
    if (index >= parameters) {
      if (from_file) continue;
      if (const auto initial = network.buffers()[index - parameters].initial) parameter.fill_(*initial);
      continue;
    }
    const Role role = network.named()[index].role;
    if (role == Role::other || (from_file && role != Role::weight)) continue;
    if (role == Role::bias || role == Role::scale) {
      parameter.fill_(role == Role::scale ? 1 : 0);
      continue;
    }
    const double deviation = role == Role::embedding ? kEmbeddingDeviation : scheme.deviation(fans_of(parameter));
    at::Tensor drawn = at::empty(parameter.sizes(), at::kFloat);
    RandomStream random(seed, spec.stream, index);
    float* values = drawn.data_ptr<float>();
    for (std::int64_t i = 0; i < drawn.numel(); ++i) values[i] = static_cast<float>(deviation * random.normal());
    parameter.copy_(drawn);
  }
  network.set_weights(weights);
}

}  // namespace espalier
