#include "tests/worker/golden/surgery_case.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones_like.h>
#include <gtest/gtest.h>

#include "tests/experiments/models/built_model.h"
#include "tests/needs.h"

namespace espalier {
namespace {

std::string read_all(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::filesystem::path SurgeryCase::folder() {
  return folder_named_by("ESPALIER_GOLDEN2", ESPALIER_GOLDEN2_DEFAULT) / "surgery";
}

SurgeryCase::SurgeryCase(const std::filesystem::path& folder)
    : meta(nlohmann::json::parse(read_all(folder / "meta.json"))) {
  const std::string bytes = read_all(folder / "tensors.safetensors");
  tensors = from_file(parse_safetensors(bytes, "surgery"), at::kCPU);
  for (const auto& [key, tensor] : tensors) unread.insert(key);
  for (const auto& [key, value] : meta.at("values").items()) unread.insert("values." + key);
}

const at::Tensor& SurgeryCase::tensor(const std::string& key) {
  for (const auto& [stored, tensor] : tensors) {
    if (stored != key) continue;
    unread.erase(key);
    return tensor;
  }
  throw std::out_of_range("there is no " + key);
}

std::vector<std::string> SurgeryCase::under(const std::string& prefix) const {
  std::vector<std::string> names;
  for (const auto& [key, tensor] : tensors)
    if (key.starts_with(prefix)) names.push_back(key.substr(prefix.size()));
  return names;
}

std::vector<std::int64_t> SurgeryCase::removed(const std::string& head, const std::string& layer) const {
  return meta.at("removed").at(head).at(layer).get<std::vector<std::int64_t>>();
}

ModelDescription SurgeryCase::model(const std::string& name, const Build& build) {
  const Shapes shapes(tensors, name + ".param.");
  const at::Tensor& x = tensor(name + ".x");
  const auto made = [&](GraphBuilder& graph, ValueIndex input) { return build(graph, input, shapes); };
  if (x.dim() == 2 && !x.is_floating_point()) return built_token_model(name, x.size(1), 1, made);
  std::array<std::int64_t, 3> input{1, 1, 1};
  for (std::int64_t i = 1; i < x.dim(); ++i) input[static_cast<std::size_t>(i - 1)] = x.size(i);
  return built_model(name, input, 1, made);
}

NamedTensors SurgeryCase::weights(const std::string& name) {
  NamedTensors given;
  for (const std::string& parameter : under(name + ".param."))
    given.emplace_back(parameter, tensor(name + ".param." + parameter).to(at::kDouble));
  return given;
}

at::Tensor SurgeryCase::run(const ModelDescription& model, const NamedTensors& weights, const std::string& name,
                            ForwardObserver* observer) {
  const at::NoGradGuard no_grad;
  Network network(model, at::kCPU, at::kDouble);
  network.set_weights(weights);
  const at::Tensor& x = tensor(name + ".x");
  const at::Tensor examples = !x.is_floating_point() ? x : x.to(at::kDouble);
  return network.forward(examples, {Mode::evaluate, observer});
}

void SurgeryCase::expect(const at::Tensor& ours, const std::string& key, double tolerance) {
  const at::Tensor golden = tensor(key).to(at::kDouble);
  ASSERT_EQ(ours.sizes(), golden.sizes()) << key;
  if (golden.numel() == 0) return;
  const double scale = std::max(golden.abs().max().item<double>(), 1e-300);
  EXPECT_LE(ours.to(at::kDouble).sub(golden).abs().max().item<double>(), tolerance * scale) << key;
}

void SurgeryCase::expect_keep(const std::string& key, const std::vector<std::int64_t>& removed) {
  at::Tensor keep = at::ones_like(tensor(key));
  for (const std::int64_t one : removed) keep[one] = 0;
  expect(keep, key, 0);
}

void SurgeryCase::expect_value(std::int64_t ours, const std::string& key) {
  unread.erase("values." + key);
  EXPECT_EQ(ours, meta.at("values").at(key).get<std::int64_t>()) << key;
}

at::Tensor& named(NamedTensors& tensors, const std::string& name) {
  for (auto& [one, tensor] : tensors)
    if (one == name) return tensor;
  throw std::out_of_range("there is no " + name);
}

}  // namespace espalier
