#include "tests/worker/golden/golden_case.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>

#include "experiments/catalog/catalog.h"
#include "experiments/formats/safetensors.h"
#include "tests/needs.h"

namespace espalier {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Shapes of a case's parameters, for building its architecture.
class Shapes {
 public:
  explicit Shapes(const GoldenCase& golden) : golden_(golden) {}
  std::int64_t size(const std::string& parameter, std::int64_t dimension) const {
    return golden_.tensor("param." + parameter).size(dimension);
  }
  bool has(const std::string& parameter) const { return golden_.has("param." + parameter); }
  LinearOp linear(const std::string& name) const {
    return {name, size(name + ".weight", 1), size(name + ".weight", 0), has(name + ".bias")};
  }
  Conv2dOp conv(const std::string& name, std::int64_t stride = 1) const {
    const std::int64_t kernel = size(name + ".weight", 2);
    return {name,       size(name + ".weight", 1), size(name + ".weight", 0), kernel, stride,
            kernel / 2, has(name + ".bias")};
  }
  BatchNorm2dOp norm(const std::string& name) const { return {name, size(name + ".weight", 0)}; }
  LayerNormOp layer_norm(const std::string& name) const { return {name, size(name + ".weight", 0)}; }

 private:
  const GoldenCase& golden_;
};

std::vector<Op> mlp(const Shapes& shapes) {
  std::vector<Op> ops{FlattenOp{}};
  for (int i = 1; shapes.has("fc" + std::to_string(i) + ".weight"); ++i) {
    if (i > 1) ops.push_back(ReluOp{"relu" + std::to_string(i - 1)});
    ops.push_back(shapes.linear("fc" + std::to_string(i)));
  }
  return ops;
}

std::vector<Op> cnn(const Shapes& shapes) {
  return {shapes.conv("conv1"), shapes.norm("bn1"), ReluOp{"relu1"},   MaxPool2dOp{2, 2},  shapes.conv("conv2"),
          shapes.norm("bn2"),   ReluOp{"relu2"},    GlobalAvgPoolOp{}, shapes.linear("fc")};
}

std::vector<Op> resnet(const Shapes& shapes) {
  std::vector<Op> ops{shapes.conv("conv1"), shapes.norm("bn1"), ReluOp{"relu"}};
  for (int i = 1; shapes.has("block" + std::to_string(i) + ".conv1.weight"); ++i) {
    const std::string block = "block" + std::to_string(i);
    const bool projects = shapes.has(block + ".shortcut.0.weight");
    const std::int64_t stride = projects ? 2 : 1;
    ResidualOp residual{block, {}, {}};
    residual.body = {shapes.conv(block + ".conv1", stride), shapes.norm(block + ".bn1"), ReluOp{block + ".relu1"},
                     shapes.conv(block + ".conv2"), shapes.norm(block + ".bn2")};
    if (projects) residual.shortcut = {shapes.conv(block + ".shortcut.0", stride), shapes.norm(block + ".shortcut.1")};
    ops.push_back(BlockOp{block, {residual, ReluOp{block + ".relu2"}}});
  }
  ops.insert(ops.end(), {GlobalAvgPoolOp{}, shapes.linear("fc")});
  return ops;
}

std::vector<Op> transformer(const Shapes& shapes, std::int64_t heads) {
  const std::int64_t width = shapes.size("tok_emb.weight", 1);
  std::vector<Op> ops{EmbeddingOp{"tok_emb", shapes.size("tok_emb.weight", 0), width},
                      PositionOp{"pos_emb", shapes.size("pos_emb.weight", 0), width}};
  for (int i = 0; shapes.has("blocks." + std::to_string(i) + ".ln1.weight"); ++i) {
    const std::string block = "blocks." + std::to_string(i);
    const ResidualOp attention{
        block + ".attn", {shapes.layer_norm(block + ".ln1"), AttentionOp{block + ".attn", width, heads, true}}, {}};
    const ResidualOp mlp{block + ".mlp",
                         {shapes.layer_norm(block + ".ln2"), shapes.linear(block + ".mlp.fc1"), GeluOp{},
                          shapes.linear(block + ".mlp.fc2")},
                         {}};
    ops.push_back(BlockOp{block, {attention, mlp}});
  }
  ops.insert(ops.end(), {shapes.layer_norm("ln_f"), shapes.linear("head")});
  return ops;
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
  const Shapes shapes(*this);
  const at::Tensor& x = tensor("x");
  ModelDescription model;
  model.name = name;
  model.input = {1, 1, 1};
  for (std::int64_t i = 1; i < x.dim(); ++i) model.input[static_cast<std::size_t>(i - 1)] = x.size(i);
  model.classes = tensor("out").size(-1);
  if (name == "mlp") model.ops = mlp(shapes);
  if (name == "cnn") model.ops = cnn(shapes);
  if (name == "resnet") model.ops = resnet(shapes);
  if (name == "transformer") model.ops = transformer(shapes, meta.at("config").at("heads"));
  if (model.ops.empty()) throw std::runtime_error("no architecture is known for a case \"" + name + "\"");
  return model;
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
