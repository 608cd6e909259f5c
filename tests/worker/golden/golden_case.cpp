#include "tests/worker/golden/golden_case.h"

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>

#include "experiments/catalog/catalog.h"
#include "experiments/formats/safetensors.h"
#include "tests/experiments/models/built_model.h"
#include "tests/needs.h"
#include "tests/worker/golden/architectures.h"

namespace espalier {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

ValueIndex cnn(GraphBuilder& graph, ValueIndex x, const Shapes& shapes) {
  x = graph.relu("relu1", graph.batch_norm("bn1", shapes.conv(graph, "conv1", x)));
  x = shapes.conv(graph, "conv2", graph.max_pool2d(x));
  x = graph.relu("relu2", graph.batch_norm("bn2", x));
  return shapes.linear(graph, "fc", graph.global_average_pool(x));
}

}  // namespace

std::filesystem::path golden_folder() {
  return folder_named_by("ESPALIER_GOLDEN", ESPALIER_GOLDEN_DEFAULT);
}

GoldenCase::GoldenCase(const std::filesystem::path& folder)
    : name(folder.filename().string()), meta(nlohmann::json::parse(read_file(folder / "meta.json"))) {
  const std::string bytes = read_file(folder / "tensors.safetensors");
  tensors = from_file(parse_safetensors(bytes, name), at::kCPU);
}

const at::Tensor& GoldenCase::tensor(const std::string& key) const {
  for (const auto& [stored, tensor] : tensors) {
    if (stored == key) return tensor;
  }
  throw std::out_of_range(name + " holds no " + key);
}

NamedTensors GoldenCase::under(const std::string& prefix) const {
  NamedTensors found;
  for (const auto& [key, tensor] : tensors) {
    if (key.starts_with(prefix)) found.emplace_back(key.substr(prefix.size()), tensor);
  }
  return found;
}

ModelDescription GoldenCase::model() const {
  const Shapes shapes(tensors, "param.");
  const at::Tensor& x = tensor("x");
  const std::int64_t classes = tensor("out").size(-1);
  if (name == "transformer") {
    return built_token_model(name, x.size(1), classes, [&](GraphBuilder& graph, ValueIndex tokens) {
      return transformer(graph, tokens, shapes, meta.at("config").at("heads"));
    });
  }
  using Architecture = ValueIndex (*)(GraphBuilder&, ValueIndex, const Shapes&);
  const std::map<std::string, Architecture> architectures{{"mlp", mlp}, {"cnn", cnn}, {"resnet", resnet}};
  const auto found = architectures.find(name);
  if (found == architectures.end()) throw std::runtime_error("no architecture is known for a case \"" + name + "\"");
  std::array<std::int64_t, 3> input{1, 1, 1};
  for (std::int64_t i = 1; i < x.dim(); ++i) input[static_cast<std::size_t>(i - 1)] = x.size(i);
  return built_model(name, input, classes,
                     [&](GraphBuilder& graph, ValueIndex images) { return found->second(graph, images, shapes); });
}

Network GoldenCase::network(c10::ScalarType type) const {
  Network network(model(), at::kCPU, type);
  NamedTensors weights = under("param.");
  for (const auto& entry : under("buffer.")) weights.push_back(entry);
  for (auto& [parameter, tensor] : weights) tensor = tensor.to(type);
  network.set_weights(weights);
  return network;
}

Batch GoldenCase::batch() const {
  const at::Tensor& x = tensor("x");
  const at::Tensor& y = tensor("y");
  if (y.dim() == 1) return {x, y};
  return {x, at::cat({y, at::full({y.size(0), x.size(1) - y.size(1)}, -100, y.options())}, 1)};
}

CriterionContext GoldenCase::context(Network& network, const std::string& criterion) const {
  return {network,
          true,
          0,
          1,
          [batch = batch()](std::int64_t) { return batch; },
          default_options(find_criterion(criterion))};
}

NamedTensors by_parameter(const Network& network, const std::vector<at::Tensor>& tensors) {
  NamedTensors named;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].defined()) named.emplace_back(network.prunable()[i].parameter, tensors[i]);
  }
  return named;
}

NamedTensors golden_scores(const GoldenCase& golden, const std::string& criterion) {
  Network network = golden.network();
  return by_parameter(network, find_score(criterion)(golden.context(network, criterion)));
}

}  // namespace espalier
