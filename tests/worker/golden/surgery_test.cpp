#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "experiments/pruning/removable_blocks.h"
#include "experiments/pruning/shrink.h"
#include "tests/experiments/models/built_model.h"
#include "tests/needs.h"
#include "tests/worker/golden/architectures.h"
#include "worker/network/network.h"
#include "worker/pruning/narrowed_tensor.h"

// Networks from which units leave: which slices go together, what the network computes when they are zero, and what the
// smaller network has and computes. Every key of the case is compared, or skipped by name.

namespace espalier {
namespace {

namespace fs = std::filesystem;

fs::path golden2_folder() {
  return folder_named_by("ESPALIER_GOLDEN2", ESPALIER_GOLDEN2_DEFAULT);
}

std::string read_all(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// conv-bn-ReLU-pooling twice, then a layer on the flattened image.
ValueIndex flattened_cnn(GraphBuilder& graph, ValueIndex x, const Shapes& shapes) {
  for (const char* place : {"1", "2"}) {
    x = graph.batch_norm(std::string("bn") + place, shapes.conv(graph, std::string("conv") + place, x));
    x = graph.max_pool2d(graph.relu(std::string("relu") + place, x));
  }
  return shapes.linear(graph, "fc", graph.flatten(x));
}

ValueIndex vgg(GraphBuilder& graph, ValueIndex x, const Shapes& shapes) {
  for (int i = 1; i <= 4; ++i) {
    const std::string place = std::to_string(i);
    x = graph.relu("relu" + place, graph.batch_norm("bn" + place, shapes.conv(graph, "conv" + place, x)));
    if (i % 2 == 0) x = graph.max_pool2d(x);
  }
  return shapes.linear(graph, "fc2", graph.relu("relu5", shapes.linear(graph, "fc1", graph.flatten(x))));
}

ValueIndex clipped(GraphBuilder& graph, ValueIndex x) {
  return graph.add("Clip", "", {x}, {{"min", 0.0}, {"max", 6.0}});
}

ValueIndex depthwise(GraphBuilder& graph, ValueIndex x, const Shapes& shapes) {
  x = clipped(graph, graph.batch_norm("bn1", shapes.conv(graph, "conv1", x)));
  x = clipped(graph, graph.batch_norm("bn2", shapes.conv(graph, "dw", x, 2)));
  x = clipped(graph, graph.batch_norm("bn3", shapes.conv(graph, "pw", x)));
  x = graph.relu("relu", graph.batch_norm("bn4", shapes.conv(graph, "gc", x)));
  return shapes.linear(graph, "fc", graph.global_average_pool(x));
}

/// Two convolutions, the second with a norm; the first has one or none.
ValueIndex trap(GraphBuilder& graph, ValueIndex x, const Shapes& shapes, std::int64_t padding) {
  x = shapes.conv(graph, "conv1", x);
  if (shapes.has("bn1.weight")) x = graph.batch_norm("bn1", x);
  x = shapes.conv(graph, "conv2", graph.relu("relu1", x), 1, padding);
  x = graph.relu("relu2", graph.batch_norm("bn2", x));
  return shapes.linear(graph, "fc", graph.global_average_pool(x));
}

/// One residual block.
ValueIndex residual_trap(GraphBuilder& graph, ValueIndex x, const Shapes& shapes) {
  x = graph.relu("relu1", graph.batch_norm("bn1", shapes.conv(graph, "conv1", x)));
  ValueIndex body = graph.batch_norm("block1.bn1", shapes.conv(graph, "block1.conv1", x));
  body = shapes.conv(graph, "block1.conv2", graph.relu("block1.relu1", body));
  x = graph.relu("block1.relu2", graph.sum(graph.batch_norm("block1.bn2", body), x));
  return shapes.linear(graph, "fc", graph.global_average_pool(x));
}

class Surgery {
 public:
  explicit Surgery(const fs::path& folder) : meta(nlohmann::json::parse(read_all(folder / "meta.json"))) {
    const std::string bytes = read_all(folder / "tensors.safetensors");
    tensors = from_file(parse_safetensors(bytes, "surgery"), at::kCPU);
    for (const auto& [key, tensor] : tensors) unread.insert(key);
    for (const auto& [key, value] : meta.at("values").items()) unread.insert("values." + key);
  }

  bool has(const std::string& key) const { return has_tensor(tensors, key); }
  const at::Tensor& tensor(const std::string& key) {
    for (const auto& [stored, tensor] : tensors) {
      if (stored != key) continue;
      unread.erase(key);
      return tensor;
    }
    throw std::out_of_range("there is no " + key);
  }
  /// Keys that begin so, without it.
  std::vector<std::string> under(const std::string& prefix) const {
    std::vector<std::string> names;
    for (const auto& [key, tensor] : tensors)
      if (key.starts_with(prefix)) names.push_back(key.substr(prefix.size()));
    return names;
  }
  void skip(const std::string& prefix, const std::string& suffix = "") {
    std::erase_if(unread, [&](const std::string& key) { return key.starts_with(prefix) && key.ends_with(suffix); });
  }

  using Build = std::function<ValueIndex(GraphBuilder&, ValueIndex, const Shapes&)>;
  ModelDescription model(const std::string& name, const Build& build) {
    const Shapes shapes(tensors, name + ".param.");
    const at::Tensor& x = tensor(name + ".x");
    const auto made = [&](GraphBuilder& graph, ValueIndex input) { return build(graph, input, shapes); };
    if (x.dim() == 2 && !x.is_floating_point()) return built_token_model(name, x.size(1), 1, made);
    std::array<std::int64_t, 3> input{1, 1, 1};
    for (std::int64_t i = 1; i < x.dim(); ++i) input[static_cast<std::size_t>(i - 1)] = x.size(i);
    return built_model(name, input, 1, made);
  }
  /// Given parameters; norms' buffers too.
  NamedTensors weights(const std::string& name) {
    NamedTensors given;
    for (const std::string& parameter : under(name + ".param."))
      given.emplace_back(parameter, tensor(name + ".param." + parameter).to(at::kDouble));
    return given;
  }
  at::Tensor run(const ModelDescription& model, const NamedTensors& weights, const std::string& name) {
    const at::NoGradGuard no_grad;
    Network network(model, at::kCPU, at::kDouble);
    network.set_weights(weights);
    const at::Tensor& x = tensor(name + ".x");
    const at::Tensor examples = !x.is_floating_point() ? x : x.to(at::kDouble);
    return network.forward(examples);
  }
  void expect(const at::Tensor& ours, const std::string& key, double tolerance = 1e-10) {
    const at::Tensor golden = tensor(key).to(at::kDouble);
    ASSERT_EQ(ours.sizes(), golden.sizes()) << key;
    if (golden.numel() == 0) return;
    const double scale = std::max(golden.abs().max().item<double>(), 1e-300);
    EXPECT_LE(ours.to(at::kDouble).sub(golden).abs().max().item<double>(), tolerance * scale) << key;
  }
  void expect_value(std::int64_t ours, const std::string& key) {
    unread.erase("values." + key);
    EXPECT_EQ(ours, meta.at("values").at(key).get<std::int64_t>()) << key;
  }

  nlohmann::json meta;
  NamedTensors tensors;
  std::set<std::string> unread;
};

at::Tensor& named(NamedTensors& tensors, const std::string& name) {
  for (auto& [one, tensor] : tensors)
    if (one == name) return tensor;
  throw std::out_of_range("there is no " + name);
}

std::int64_t attention_products(const OperatorGraph& graph) {
  std::int64_t products = 0;
  for (const Node& node : graph.nodes()) products += node.op->madds(graph, node).products;
  return products;
}

/// The parameters of the units at zero: slices of every parameter that no index of a kept unit covers.
NamedTensors masked(const NamedTensors& weights, const Removal& removal, const std::set<std::string>& dropped) {
  NamedTensors result;
  const OperatorGraph& graph = removal.graph();
  for (const auto& [name, tensor] : weights) {
    at::Tensor left = tensor.clone();
    for (ValueIndex value = 0; value < graph.values().size(); ++value) {
      const Value& one = graph.value(value);
      if (one.name != name || one.source != Value::Source::parameter) continue;
      for (const CoupledAxis& axis : removal.coupled().values[value]) {
        // What reads a unit stays: it reads zeros. Of a bias and a norm's numbers dimension 0 is all there is.
        const bool reads = axis.dims[0] == 1 && !name.ends_with("attn.o.weight");
        if (reads || (axis.dims[0] == 1 && name.ends_with("attn.o.weight"))) continue;
        for (std::size_t i = 0; i < axis.atoms.size(); ++i)
          if (removal.leaves(axis.atoms[i]))
            left.select(static_cast<std::int64_t>(axis.dims[0]), static_cast<std::int64_t>(i)).zero_();
      }
    }
    for (const std::string& block : dropped)  // what its sums add
      for (const char* last : {".attn.o", ".mlp.fc2"})
        if (name.starts_with(block + last)) left.zero_();
    result.emplace_back(name, left);
  }
  return result;
}

/// One run: units leave from a network; `head` begins its keys.
void expect_run(Surgery& surgery, const std::string& name, const std::string& head, const Surgery::Build& build,
                const std::function<void(Removal&)>& remove, const std::set<std::string>& dropped = {}) {
  SCOPED_TRACE(head);
  const ModelDescription model = surgery.model(name, build);
  const NamedTensors weights = surgery.weights(name);
  const CoupledGraph coupled = couple(*model.graph);
  Removal removal(*model.graph, coupled);
  remove(removal);
  const NamedTensors zeroed = masked(weights, removal, dropped);
  for (const std::string& parameter : surgery.under(head + ".masked.")) {
    NamedTensors copy = zeroed;
    surgery.expect(named(copy, parameter), head + ".masked." + parameter, 0);
  }
  surgery.expect(surgery.run(model, zeroed, name), head + ".masked_out");

  std::vector<RemovableBlock> blocks = removable_blocks(*model.graph);
  std::erase_if(blocks, [&](const RemovableBlock& block) { return !dropped.contains(block.name); });
  EXPECT_EQ(blocks.size(), dropped.size());
  const OperatorGraph rest = blocks.empty() ? *model.graph : without_blocks(*model.graph, blocks);
  const CoupledGraph coupled_rest = couple(rest);
  Removal removal_of_rest(rest, coupled_rest);
  remove(removal_of_rest);
  ShrunkGraph shrunk = shrink(removal_of_rest);
  ModelDescription small = model;
  small.graph = std::make_shared<const OperatorGraph>(std::move(shrunk.graph));
  NamedTensors left;
  std::set<std::string> changed;
  for (const KeptTensor& kept : shrunk.tensors) {
    const at::Tensor& whole = tensor_like(weights, kept.name, named(const_cast<NamedTensors&>(weights), kept.name));
    left.emplace_back(kept.name, narrowed(whole, kept));
    if (left.back().second.sizes() != whole.sizes()) changed.insert(kept.name);
  }
  for (const std::string& parameter : surgery.under(head + ".shrunk.")) {
    surgery.expect(named(left, parameter), head + ".shrunk." + parameter, 0);
    changed.erase(parameter);
  }
  EXPECT_TRUE(changed.empty()) << *changed.begin() << " is smaller, but should not be";
  surgery.expect(surgery.run(small, left, name), head + ".shrunk_out");
  surgery.expect_value(count_model(small).parameters, head + ".params_after");
  surgery.expect_value(count_model(small).madds, head + ".madds_after");
}

/// Outputs of a layer that a keep mask says leave.
std::function<void(Removal&)> by_keep(Surgery& surgery, const std::string& head) {
  return [&surgery, head](Removal& removal) {
    for (const std::string& layer : surgery.under(head + ".keep.")) {
      const at::Tensor keep = surgery.tensor(head + ".keep." + layer);
      for (std::int64_t i = 0; i < keep.numel(); ++i)
        if (keep[i].item<std::int64_t>() == 0) removal.remove(layer + ".weight", 0, i);
    }
  };
}

void expect_whole(Surgery& surgery, const std::string& name, const Surgery::Build& build) {
  const ModelDescription model = surgery.model(name, build);
  surgery.expect(surgery.run(model, surgery.weights(name), name), name + ".out");
  surgery.expect_value(count_model(model).parameters, name + ".params");
  surgery.expect_value(count_model(model).madds, name + ".madds");
}

void expect_network(Surgery& surgery, const std::string& name, const Surgery::Build& build) {
  expect_whole(surgery, name, build);
  expect_run(surgery, name, name, build, by_keep(surgery, name));
}

/// A case says twice what leaves.
void expect_keep(Surgery& surgery, const std::string& key, const nlohmann::json& removed) {
  at::Tensor keep = at::ones_like(surgery.tensor(key));
  for (const std::int64_t one : removed) keep[one] = 0;
  surgery.expect(keep, key, 0);
}

void expect_transformer(Surgery& surgery) {
  const std::string name = "transformer";
  const std::int64_t heads = surgery.meta.at("config").at("tf").at("heads");
  const Surgery::Build build = [heads](GraphBuilder& graph, ValueIndex x, const Shapes& shapes) {
    return transformer(graph, x, shapes, heads);
  };
  expect_whole(surgery, name, build);
  const ModelDescription model = surgery.model(name, build);
  surgery.expect_value(attention_products(*model.graph), "transformer.madds_attention_products");
  const nlohmann::json& lists = surgery.meta.at("removed");
  // Units by the lists of a case, of all blocks or of one, as far as the graph has them.
  const auto remove_units = [&](Removal& removal, const std::string& head, const std::string& of_block) {
    const auto& values = removal.graph().values();
    for (const auto& [key, removed] : lists.at(head).items()) {
      if (key == "blocks" || !key.starts_with(of_block)) continue;
      const bool is_heads = key.ends_with(".heads");
      const std::string weight = is_heads ? key.substr(0, key.size() - 5) + "attn.v.weight" : key + ".weight";
      if (std::ranges::find(values, weight, &Value::name) == values.end()) continue;
      const std::int64_t rows = is_heads ? surgery.tensor("transformer.param." + weight).size(0) / heads : 1;
      for (const std::int64_t one : removed) removal.remove(weight, 0, one * rows);
    }
  };
  const auto remove_width = [&](Removal& removal) { remove_units(removal, "transformer.width", ""); };
  // The block that is dropped has lost units before.
  std::set<std::string> dropped;
  for (const std::int64_t block : lists.at("transformer.block_dropped").at("blocks"))
    dropped.insert("blocks." + std::to_string(block));
  const auto remove_others = [&](Removal& removal) {
    remove_units(removal, "transformer.block_dropped", "");
    for (const std::string& block : dropped) remove_units(removal, "transformer.width", block);
  };
  for (const std::string head : {"transformer.width", "transformer.block_dropped"}) {
    for (const std::string& layer : surgery.under(head + ".keep."))
      expect_keep(surgery, head + ".keep." + layer, lists.at(head).at(layer));
  }
  expect_run(surgery, name, "transformer.width", build, remove_width);
  expect_run(surgery, name, "transformer.block_dropped", build, remove_others, dropped);
  const CoupledGraph coupled = couple(*model.graph);
  Removal removal(*model.graph, coupled);
  remove_width(removal);
  surgery.expect_value(attention_products(shrink(removal).graph), "transformer.width.madds_attention_products_after");
}

/// Filters at zero, with their biases where there are some; norms stay.
void empty_filters(NamedTensors& weights, const std::string& layer, const nlohmann::json& removed) {
  for (const std::int64_t one : removed) {
    named(weights, layer + ".weight")[one].zero_();
    if (has_tensor(weights, layer + ".bias")) named(weights, layer + ".bias")[one].zero_();
  }
}

/// What our networks compute when only filters are zero: what was removed still sends something on.
void expect_traps(Surgery& surgery) {
  const nlohmann::json& removed = surgery.meta.at("removed");
  for (const std::string name : {"trap_bn", "trap_bias"})
    expect_keep(surgery, name + ".keep.conv1", removed.at(name).at("conv1"));
  expect_keep(surgery, "trap_residual.keep.block1.conv2", removed.at("trap_residual").at("block1.conv2"));
  for (const std::string name : {"trap_bn", "trap_bias"}) {
    for (const std::int64_t padding : {0, 1}) {
      const ModelDescription model =
          surgery.model(name, [padding](GraphBuilder& graph, ValueIndex x, const Shapes& shapes) {
            return trap(graph, x, shapes, padding);
          });
      NamedTensors weights = surgery.weights(name);
      const at::Tensor bias = named(weights, "conv1.bias").clone();
      empty_filters(weights, "conv1", removed.at(name).at("conv1"));
      if (name == "trap_bias") named(weights, "conv1.bias").copy_(bias);
      surgery.expect(surgery.run(model, weights, name), name + ".pad" + std::to_string(padding) + ".masked_out");
      if (padding == 0) continue;
      NamedTensors linear = surgery.weights(name);
      empty_filters(linear, "conv2", removed.at(name + ".linear").at("conv2"));
      surgery.expect(surgery.run(model, linear, name), name + ".linear.masked_out");
    }
  }
  const std::string name = "trap_residual";
  const ModelDescription model = surgery.model(name, residual_trap);
  NamedTensors weights = surgery.weights(name);
  empty_filters(weights, "block1.conv2", removed.at(name).at("block1.conv2"));
  surgery.expect(surgery.run(model, weights, name), name + ".masked_out");
  empty_filters(weights, "conv1", removed.at(name).at("block1.conv2"));
  surgery.expect(surgery.run(model, weights, name), name + ".stream.masked_out");
}

/// Heads whose weights are zero, but not their biases.
void expect_trapped_heads(Surgery& surgery) {
  const std::int64_t heads = surgery.meta.at("config").at("tf").at("heads");
  const ModelDescription model =
      surgery.model("transformer", [heads](GraphBuilder& graph, ValueIndex x, const Shapes& shapes) {
        return transformer(graph, x, shapes, heads);
      });
  NamedTensors weights = surgery.weights("transformer");
  for (const std::int64_t head : surgery.meta.at("removed").at("transformer.width").at("blocks.0.heads")) {
    for (const char* part : {"q", "k", "v"}) {
      at::Tensor& weight = named(weights, std::string("blocks.0.attn.") + part + ".weight");
      const std::int64_t rows = weight.size(0) / heads;
      weight.narrow(0, head * rows, rows).zero_();
    }
  }
  surgery.expect(surgery.run(model, weights, "transformer"), "trap_head.masked_out");
}

TEST(Golden2, surgery) {
  const fs::path folder = golden2_folder() / "surgery";
  ESPALIER_NEEDS("golden", fs::is_directory(folder), "no golden vectors in " << folder << "; set ESPALIER_GOLDEN2");
  Surgery surgery(folder);
  expect_network(surgery, "mlp", mlp);
  expect_network(surgery, "cnn", flattened_cnn);
  expect_network(surgery, "vgg", vgg);
  expect_whole(surgery, "resnet", resnet);
  for (const char* head : {"resnet.inner", "resnet.coupled"})
    expect_run(surgery, "resnet", head, resnet, by_keep(surgery, head));
  expect_network(surgery, "depthwise", depthwise);
  expect_transformer(surgery);
  expect_traps(surgery);
  expect_trapped_heads(surgery);
  // What a unit that is not zero still sends on.
  for (const char* trap : {"trap_bn.", "trap_bias."}) {
    for (const char* part :
         {".constant_before_relu", ".constant", ".fold.conv2.bias", ".conv2_masked", ".bias_map", ".fold_error",
          ".shrunk_nofold_out", ".shrunk_fold_out", ".shrunk_map_out", ".linear.fold.fc.bias"})
      surgery.skip(trap, part);
  }
  for (const char* part : {"shrunk_nofold_out", "shrunk_fold_out", ".attn.o.bias"}) surgery.skip("trap_head", part);
  for (const char* part :
       {".constant", ".scatter_noconst_out", ".scatter_const_out", ".stream_constant_after_stem",
        ".stream_constant_after_block", ".stream.shrunk_nofold_out", ".stream.shrunk_map_and_fold_out"})
    surgery.skip("trap_residual", part);
  for (const std::string& key : surgery.unread) ADD_FAILURE() << "nothing is known about " << key;
}

}  // namespace
}  // namespace espalier
