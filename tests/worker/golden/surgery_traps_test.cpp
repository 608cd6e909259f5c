#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/pruning/coupled_scopes.h"
#include "experiments/pruning/removed_units.h"
#include "tests/needs.h"
#include "tests/worker/golden/surgery_case.h"
#include "worker/pruning/folded_network.h"
#include "worker/pruning/narrowed_tensor.h"

// Networks with filters at zero whose norms or biases are not, so that what was removed still sends something on. What
// worker/pruning/folded_network does is compared with what it gives; what it does not do on purpose (a map in place of
// a bias under padding, a branch that is added at some channels) and what is wrong (constants that are forgotten, or
// put into a bias under padding) is computed here.

namespace espalier {
namespace {

using testing::HasSubstr;
using testing::SizeIs;
using Indices = std::vector<std::int64_t>;

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

/// What its layers are given and give.
class Seen : public ForwardObserver {
 public:
  std::map<std::string, at::Tensor> inputs, outputs;
  void on_layer_input(const std::string& layer, const at::Tensor& input) override { inputs[layer] = input; }
  void on_layer_output(const std::string& layer, const at::Tensor& output) override { outputs[layer] = output; }
};

at::Tensor indices(const Indices& list) {
  return at::tensor(list, at::kLong);
}
Indices all_but(const Indices& removed, std::int64_t count) {
  Indices kept;
  for (std::int64_t i = 0; i < count; ++i)
    if (std::ranges::find(removed, i) == removed.end()) kept.push_back(i);
  return kept;
}

/// A network with some slices of parameters at zero, and the masks that say so.
struct Masked {
  NamedTensors weights, masks;
  void remove(const std::string& parameter, std::int64_t first, std::int64_t count = 1) {
    at::Tensor& tensor = named(weights, parameter);
    tensor.narrow(0, first, count).zero_();
    if (!has_tensor(masks, parameter)) masks.emplace_back(parameter, at::ones_like(tensor, at::kByte));
    named(masks, parameter).narrow(0, first, count).zero_();
  }
  void remove(const std::string& parameter, const Indices& rows) {
    for (const std::int64_t row : rows) remove(parameter, row);
  }
};

/// Of channels: what a norm makes of zeros, channel by channel.
at::Tensor norm_of_zeros(NamedTensors& weights, const std::string& norm, const Indices& channels) {
  const at::Tensor slope = named(weights, norm + ".weight").div(named(weights, norm + ".running_var").add(1e-5).sqrt());
  const at::Tensor shifts = named(weights, norm + ".bias").sub(slope.mul(named(weights, norm + ".running_mean")));
  return shifts.index_select(0, indices(channels));
}
at::Tensor normed(NamedTensors& weights, const std::string& norm, const at::Tensor& x) {
  return at::batch_norm(x, named(weights, norm + ".weight"), named(weights, norm + ".bias"),
                        named(weights, norm + ".running_mean"), named(weights, norm + ".running_var"), false, 0.1, 1e-5,
                        false);
}
at::Tensor classified(NamedTensors& weights, const at::Tensor& x) {
  return at::linear(x.mean({2, 3}), named(weights, "fc.weight"), named(weights, "fc.bias"));
}

/// A convolution of planes of one number a channel, [channels, height, width] of its output.
at::Tensor map_of(const at::Tensor& weight, const at::Tensor& numbers, const at::Tensor& like, std::int64_t padding) {
  const at::Tensor planes = numbers.reshape({1, -1, 1, 1}).expand({1, numbers.numel(), like.size(2), like.size(3)});
  return at::conv2d(planes, weight, {}, 1, padding)[0];
}

/// The network without the units of which these are outputs; what they send on is forgotten.
struct Forgetful {
  ModelDescription model;
  NamedTensors weights;
};
Forgetful without(const ModelDescription& model, const NamedTensors& weights, const std::string& layer,
                  const Indices& outputs) {
  std::vector<RemovedUnits> units;
  for (const auto& scopes : {channel_scopes(*model.graph), head_scopes(*model.graph)}) {
    for (const PruneScope& scope : scopes) {
      for (const ScopeMember& member : scope.members) {
        if (member.part != ScopeMember::Part::outputs || member.layer != layer) continue;
        units.push_back({scope, std::vector<bool>(static_cast<std::size_t>(scope.units), false)});
        for (const std::int64_t output : outputs)
          units.back().leaves[static_cast<std::size_t>(member.unit(output))] = true;
      }
    }
  }
  ShrunkGraph shrunk = without_units(*model.graph, units);
  Forgetful small{model, {}};
  small.model.graph = std::make_shared<const OperatorGraph>(std::move(shrunk.graph));
  NamedTensors whole = weights;
  for (const KeptTensor& kept : shrunk.tensors)
    small.weights.emplace_back(kept.name, narrowed(named(whole, kept.name), kept));
  return small;
}

class Traps {
 public:
  explicit Traps(SurgeryCase& surgery) : surgery_(surgery) {}

  /// Filters of conv1 are zero; conv2 reads what is left of them, with and without padding.
  void expect_convolutions(const std::string& name) {
    const Indices removed = surgery_.removed(name, "conv1");
    surgery_.expect_keep(name + ".keep.conv1", removed);
    Masked masked{surgery_.weights(name), {}};
    masked.remove("conv1.weight", removed);
    const bool has_norm = surgery_.has(name + ".param.bn1.weight");
    if (has_norm) masked.remove("conv1.bias", removed);
    const at::Tensor before = has_norm ? norm_of_zeros(masked.weights, "bn1", removed)
                                       : named(masked.weights, "conv1.bias").index_select(0, indices(removed));
    surgery_.expect(before, name + ".constant_before_relu");
    for (const std::int64_t padding : {0, 1}) expect_padding(name, masked, removed, padding);
  }

  /// Filters of conv2 are zero; fc reads means over the image, which a bias always can hold.
  void expect_linear(const std::string& name) {
    const Indices removed = surgery_.removed(name + ".linear", "conv2");
    const ModelDescription model = trap_model(name, 1);
    Masked masked{surgery_.weights(name), {}};
    masked.remove("conv2.weight", removed);
    masked.remove("conv2.bias", removed);
    const std::string head = name + ".linear";
    surgery_.expect(surgery_.run(model, masked.weights, name), head + ".masked_out");
    FoldedNetwork folded = folded_network(*model.graph, masked.weights, masked.masks);
    EXPECT_TRUE(folded.staying.empty());
    const at::Tensor constant = norm_of_zeros(masked.weights, "bn2", removed).relu();
    surgery_.expect(named(folded.tensors, "fc.bias"), head + ".fold.fc.bias");
    surgery_.expect(outputs(model, folded, name), head + ".shrunk_fold_out");
    expect_wrong(without(model, masked.weights, "conv2", removed), constant, name, head + ".shrunk_nofold_out",
                 head + ".masked_out");
  }

  /// Weights of heads are zero, but not their biases.
  void expect_heads() {
    const std::int64_t heads = surgery_.meta.at("config").at("tf").at("heads");
    const ModelDescription model =
        surgery_.model("transformer", [heads](GraphBuilder& graph, ValueIndex x, const Shapes& shapes) {
          return transformer(graph, x, shapes, heads);
        });
    Masked masked{surgery_.weights("transformer"), {}};
    const std::string attention = "blocks.0.attn.";
    const std::int64_t rows = named(masked.weights, attention + "v.weight").size(0) / heads;
    Indices values;
    for (const std::int64_t head : surgery_.removed("transformer.width", "blocks.0.heads")) {
      for (const char* part : {"q", "k", "v"}) masked.remove(attention + part + ".weight", head * rows, rows);
      values.push_back(head * rows);
    }
    surgery_.expect(surgery_.run(model, masked.weights, "transformer"), "trap_head.masked_out");
    FoldedNetwork folded = folded_network(*model.graph, masked.weights, masked.masks);
    EXPECT_TRUE(folded.staying.empty());
    EXPECT_EQ(named(folded.tensors, attention + "v.weight").size(0), (heads - std::ssize(values)) * rows);
    surgery_.expect(named(folded.tensors, attention + "o.bias"), "trap_head.fold." + attention + "o.bias");
    surgery_.expect(outputs(model, folded, "transformer"), "trap_head.shrunk_fold_out");
    expect_wrong(without(model, masked.weights, attention + "v", values), named(masked.weights, attention + "v.bias"),
                 "transformer", "trap_head.shrunk_nofold_out", "trap_head.masked_out");
  }

  /// Filters of a branch are zero: its sum with the stream is not, so that nothing leaves.
  void expect_branch() {
    const std::string name = "trap_residual";
    const Indices removed = surgery_.removed(name, "block1.conv2");
    surgery_.expect_keep(name + ".keep.block1.conv2", removed);
    const ModelDescription model = surgery_.model(name, residual_trap);
    Masked masked{surgery_.weights(name), {}};
    masked.remove("block1.conv2.weight", removed);
    Seen seen;
    surgery_.expect(surgery_.run(model, masked.weights, name, &seen), name + ".masked_out");
    const FoldedNetwork folded = folded_network(*model.graph, masked.weights, masked.masks);
    ASSERT_THAT(folded.staying, SizeIs(1));
    EXPECT_EQ(folded.staying[0].units, removed);
    EXPECT_EQ(folded.staying[0].reason, "conv1 still has weights there");
    surgery_.expect(outputs(model, folded, name), name + ".masked_out");

    const at::Tensor constant = norm_of_zeros(masked.weights, "block1.bn2", removed);
    surgery_.expect(constant, name + ".constant");
    // A branch of fewer channels, added at theirs.
    const at::Tensor stream = seen.inputs.at("block1.conv1");
    const at::Tensor branch = normed(masked.weights, "block1.bn2", seen.outputs.at("block1.conv2"));
    const at::Tensor kept = indices(all_but(removed, stream.size(1)));
    const at::Tensor forgotten = stream.index_add(1, kept, branch.index_select(1, kept));
    surgery_.expect(classified(masked.weights, forgotten.relu()), name + ".scatter_noconst_out");
    const at::Tensor complete = forgotten.index_add(
        1, indices(removed),
        constant.reshape({1, -1, 1, 1}).expand({stream.size(0), constant.numel(), stream.size(2), stream.size(3)}));
    surgery_.expect(classified(masked.weights, complete.relu()), name + ".scatter_const_out");
    expect_difference(constant, name + ".scatter_noconst_out", name + ".masked_out");
  }

  /// Filters of all that is summed are zero: the constants pass through the block.
  void expect_stream() {
    const std::string name = "trap_residual";
    const Indices removed = surgery_.removed(name, "block1.conv2");
    const ModelDescription model = surgery_.model(name, residual_trap);
    Masked masked{surgery_.weights(name), {}};
    for (const char* layer : {"conv1.weight", "block1.conv2.weight"}) masked.remove(layer, removed);
    Seen seen;
    surgery_.expect(surgery_.run(model, masked.weights, name, &seen), name + ".stream.masked_out");
    const at::Tensor stem = norm_of_zeros(masked.weights, "bn1", removed).relu();
    const at::Tensor block = norm_of_zeros(masked.weights, "block1.bn2", removed).add(stem).relu();
    surgery_.expect(stem, name + ".stream_constant_after_stem");
    surgery_.expect(block, name + ".stream_constant_after_block");
    const std::string head = name + ".stream.";
    expect_wrong(without(model, masked.weights, "conv1", removed), at::cat({stem, block}), name,
                 head + "shrunk_nofold_out", head + "masked_out");
    // What the block reads beside its padding stays.
    const FoldedNetwork folded = folded_network(*model.graph, masked.weights, masked.masks);
    expect_staying(folded, removed, stem, "block1.conv1 would add");
    surgery_.expect(outputs(model, folded, name), head + "masked_out");

    NamedTensors& weights = masked.weights;
    const at::Tensor kept = indices(all_but(removed, named(weights, "conv1.weight").size(0)));
    const at::Tensor gone = indices(removed);
    const auto inputs = [&](const std::string& layer, const at::Tensor& chosen) {
      return named(weights, layer + ".weight").index_select(1, chosen);
    };
    const at::Tensor stream = seen.inputs.at("block1.conv1").index_select(1, kept);
    at::Tensor branch = at::conv2d(stream, inputs("block1.conv1", kept), {}, 1, 1)
                            .add(map_of(inputs("block1.conv1", gone), stem, stream, 1));
    branch = at::conv2d(normed(weights, "block1.bn1", branch).relu(), named(weights, "block1.conv2.weight"), {}, 1, 1);
    const at::Tensor sum = normed(weights, "block1.bn2", branch).index_select(1, kept).add(stream).relu();
    const at::Tensor bias = named(weights, "fc.bias").add(inputs("fc", gone).matmul(block));
    surgery_.expect(at::linear(sum.mean({2, 3}), inputs("fc", kept), bias), head + "shrunk_map_and_fold_out");
  }

 private:
  ModelDescription trap_model(const std::string& name, std::int64_t padding) {
    return surgery_.model(name, [padding](GraphBuilder& graph, ValueIndex x, const Shapes& shapes) {
      return trap(graph, x, shapes, padding);
    });
  }

  void expect_padding(const std::string& name, Masked& masked, const Indices& removed, std::int64_t padding) {
    const std::string head = name + ".pad" + std::to_string(padding);
    const ModelDescription model = trap_model(name, padding);
    NamedTensors& weights = masked.weights;
    Seen seen;
    surgery_.expect(surgery_.run(model, weights, name, &seen), head + ".masked_out");
    const at::Tensor given = seen.inputs.at("conv2"), made = seen.outputs.at("conv2");
    surgery_.expect(made, head + ".conv2_masked");
    const at::Tensor gone = indices(removed);
    const at::Tensor planes = given.index_select(1, gone), constant = planes.select(0, 0).select(1, 0).select(1, 0);
    EXPECT_LE(planes.sub(constant.reshape({1, -1, 1, 1})).abs().max().item<double>(), 1e-12);
    surgery_.expect(constant, name + ".constant");

    FoldedNetwork folded = folded_network(*model.graph, weights, masked.masks);
    const std::string out = padding == 0 ? head + ".shrunk_fold_out" : head + ".masked_out";
    surgery_.expect(outputs(model, folded, name), out);
    if (padding == 0) {
      EXPECT_TRUE(folded.staying.empty());
      EXPECT_EQ(named(folded.tensors, "conv1.weight").size(0), given.size(1) - std::ssize(removed));
      surgery_.expect(named(folded.tensors, "conv2.bias"), name + ".fold.conv2.bias");
    } else {
      expect_staying(folded, removed, constant, "conv2 would add");
    }

    Forgetful small = without(model, weights, "conv1", removed);
    expect_wrong(small, constant, name, head + ".shrunk_nofold_out", head + ".masked_out");
    const at::Tensor& second = named(weights, "conv2.weight");
    const at::Tensor bias = named(weights, "conv2.bias");
    const at::Tensor map = map_of(second.index_select(1, gone), constant, given, padding).add(bias.reshape({-1, 1, 1}));
    surgery_.expect(map, head + ".bias_map");
    const at::Tensor kept = indices(all_but(removed, given.size(1)));
    const at::Tensor rest = at::conv2d(given.index_select(1, kept), second.index_select(1, kept), {}, 1, padding);
    const at::Tensor mapped = normed(weights, "bn2", rest.add(map)).relu();
    surgery_.expect(classified(weights, mapped), head + ".shrunk_map_out");
    // The bias that is right without padding.
    const at::Tensor fold = bias.add(second.index_select(1, gone).sum({2, 3}).matmul(constant));
    const at::Tensor error = rest.add(fold.reshape({1, -1, 1, 1})).sub(made).abs().amax({0, 1});
    EXPECT_LE(error.sub(surgery_.tensor(head + ".fold_error")).abs().max().item<double>(), 1e-10) << head;
    if (padding == 0) return;
    named(small.weights, "conv2.bias").copy_(fold);
    expect_wrong(small, constant, name, head + ".shrunk_fold_out", head + ".masked_out");
  }

  at::Tensor outputs(ModelDescription model, const FoldedNetwork& folded, const std::string& name) {
    model.graph = folded.graph;
    return surgery_.run(model, folded.tensors, name);
  }

  /// Units that send on zero leave; the others stay because of the layer.
  static void expect_staying(const FoldedNetwork& folded, const Indices& removed, const at::Tensor& constants,
                             const std::string& because) {
    Indices staying;
    for (std::size_t i = 0; i < removed.size(); ++i)
      if (constants[static_cast<std::int64_t>(i)].item<double>() != 0) staying.push_back(removed[i]);
    ASSERT_THAT(folded.staying, SizeIs(staying.empty() ? 0 : 1));
    if (staying.empty()) return;
    EXPECT_EQ(folded.staying[0].units, staying);
    EXPECT_THAT(folded.staying[0].reason, HasSubstr(because));
    EXPECT_THAT(folded.staying[0].reason, HasSubstr("padding of 1 x 1"));
  }

  /// Forgetting constants is wrong unless they are zero.
  void expect_wrong(const Forgetful& small, const at::Tensor& constants, const std::string& name,
                    const std::string& key, const std::string& right) {
    surgery_.expect(surgery_.run(small.model, small.weights, name), key);
    expect_difference(constants, key, right);
  }
  void expect_difference(const at::Tensor& constants, const std::string& wrong, const std::string& right) {
    const double difference = surgery_.tensor(wrong).sub(surgery_.tensor(right)).abs().max().item<double>();
    EXPECT_EQ(difference > 1e-9, constants.ne(0).any().item<bool>()) << wrong;
  }

  SurgeryCase& surgery_;
};

TEST(Golden2, surgery_traps) {
  const std::filesystem::path folder = SurgeryCase::folder();
  ESPALIER_NEEDS("golden", std::filesystem::is_directory(folder),
                 "no golden vectors in " << folder << "; set ESPALIER_GOLDEN2");
  SurgeryCase surgery(folder);
  Traps traps(surgery);
  for (const std::string name : {"trap_bn", "trap_bias"}) {
    traps.expect_convolutions(name);
    traps.expect_linear(name);
  }
  traps.expect_heads();
  traps.expect_branch();
  traps.expect_stream();
  for (const std::string& key : surgery.unread)
    EXPECT_FALSE(key.starts_with("trap_")) << "nothing is known about " << key;
}

}  // namespace
}  // namespace espalier
