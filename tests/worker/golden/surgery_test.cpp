#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "experiments/pruning/removable_blocks.h"
#include "experiments/pruning/shrink.h"
#include "tests/needs.h"
#include "tests/worker/golden/surgery_case.h"
#include "worker/pruning/narrowed_tensor.h"

// Networks from which units leave: which slices go together, what the network computes when they are zero, and what the
// smaller network has and computes. Every key of the case is compared, here or in surgery_traps_test.cpp.

namespace espalier {
namespace {

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
void expect_run(SurgeryCase& surgery, const std::string& name, const std::string& head, const SurgeryCase::Build& build,
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
std::function<void(Removal&)> by_keep(SurgeryCase& surgery, const std::string& head) {
  return [&surgery, head](Removal& removal) {
    for (const std::string& layer : surgery.under(head + ".keep.")) {
      const at::Tensor keep = surgery.tensor(head + ".keep." + layer);
      for (std::int64_t i = 0; i < keep.numel(); ++i)
        if (keep[i].item<std::int64_t>() == 0) removal.remove(layer + ".weight", 0, i);
    }
  };
}

void expect_whole(SurgeryCase& surgery, const std::string& name, const SurgeryCase::Build& build) {
  const ModelDescription model = surgery.model(name, build);
  surgery.expect(surgery.run(model, surgery.weights(name), name), name + ".out");
  surgery.expect_value(count_model(model).parameters, name + ".params");
  surgery.expect_value(count_model(model).madds, name + ".madds");
}

void expect_network(SurgeryCase& surgery, const std::string& name, const SurgeryCase::Build& build) {
  expect_whole(surgery, name, build);
  expect_run(surgery, name, name, build, by_keep(surgery, name));
}

void expect_transformer(SurgeryCase& surgery) {
  const std::string name = "transformer";
  const std::int64_t heads = surgery.meta.at("config").at("tf").at("heads");
  const SurgeryCase::Build build = [heads](GraphBuilder& graph, ValueIndex x, const Shapes& shapes) {
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
      surgery.expect_keep(head + ".keep." + layer, surgery.removed(head, layer));
  }
  expect_run(surgery, name, "transformer.width", build, remove_width);
  expect_run(surgery, name, "transformer.block_dropped", build, remove_others, dropped);
  const CoupledGraph coupled = couple(*model.graph);
  Removal removal(*model.graph, coupled);
  remove_width(removal);
  surgery.expect_value(attention_products(shrink(removal).graph), "transformer.width.madds_attention_products_after");
}

TEST(Golden2, surgery) {
  const std::filesystem::path folder = SurgeryCase::folder();
  ESPALIER_NEEDS("golden", std::filesystem::is_directory(folder),
                 "no golden vectors in " << folder << "; set ESPALIER_GOLDEN2");
  SurgeryCase surgery(folder);
  expect_network(surgery, "mlp", mlp);
  expect_network(surgery, "cnn", flattened_cnn);
  expect_network(surgery, "vgg", vgg);
  expect_whole(surgery, "resnet", resnet);
  for (const char* head : {"resnet.inner", "resnet.coupled"})
    expect_run(surgery, "resnet", head, resnet, by_keep(surgery, head));
  expect_network(surgery, "depthwise", depthwise);
  expect_transformer(surgery);
  // surgery_traps_test.cpp has the others.
  for (const std::string& key : surgery.unread)
    EXPECT_TRUE(key.starts_with("trap_")) << "nothing is known about " << key;
}

}  // namespace
}  // namespace espalier
