#include "tests/experiments/pruning/hand_built.h"

#include <array>
#include <memory>
#include <utility>

#include "base/error.h"
#include "experiments/operators/graph_builder.h"

namespace espalier {
namespace {

class HandBuilder {
 public:
  HandBuilder(const ModelSpec& model, const std::function<std::int64_t(const std::string&)>& outputs)
      : model_(model), outputs_(outputs), image_(graph_.input({model.input.begin(), model.input.end()})) {}

  ModelDescription described(ValueIndex logits) {
    return {model_.name, model_.input, model_.classes, std::make_shared<const OperatorGraph>(graph_.finish(logits))};
  }

  ValueIndex lenet_5() {
    ValueIndex x = graph_.max_pool2d(relu("relu1", conv("conv1", image_, {0, 5})));
    x = graph_.max_pool2d(relu("relu2", conv("conv2", x, {0, 5})));
    return linear("fc2", relu("relu3", linear("fc1", graph_.flatten(x))));
  }

  ValueIndex conv_4() {
    ValueIndex x = image_;
    for (int i = 1; i <= 4; ++i) {
      x = relu("relu" + std::to_string(i), conv("conv" + std::to_string(i), x, {0, 3, 1, 1}));
      if (i % 2 == 0) x = graph_.max_pool2d(x);
    }
    x = relu("relu5", linear("fc1", graph_.flatten(x)));
    return linear("fc3", relu("relu6", linear("fc2", x)));
  }

  ValueIndex vgg_16_bn() {
    constexpr std::array<int, 5> kGroups{2, 2, 3, 3, 3};
    ValueIndex x = image_;
    int place = 0;
    for (std::size_t group = 0; group < kGroups.size(); ++group) {
      if (group > 0) x = graph_.max_pool2d(x);
      for (int i = 0; i < kGroups[group]; ++i) {
        const std::string number = std::to_string(++place);
        x = graph_.batch_norm("bn" + number, conv("conv" + number, x, {0, 3, 1, 1}));
        x = relu("relu" + number, x);
      }
    }
    return linear("fc", graph_.global_average_pool(x));
  }

  ValueIndex resnet(int blocks) {
    ValueIndex x = relu("relu1", graph_.batch_norm("bn1", conv("conv1", image_, {0, 3, 1, 1, false})));
    for (int place = 1; place <= 3 * blocks; ++place) {
      const bool halves = place > 1 && place % blocks == 1;
      x = residual("block" + std::to_string(place), x, halves);
    }
    return linear("fc", graph_.global_average_pool(x));
  }

  ValueIndex transformer() {
    ValueIndex x = graph_.position("pos_emb", linear("embed", graph_.rows(image_)));
    for (int i = 0; i < 2; ++i) {
      const std::string name = "blocks." + std::to_string(i);
      graph_.begin_block(name, x);
      x = graph_.sum(attention(name + ".attn", graph_.layer_norm(name + ".ln1", x)), x);
      const ValueIndex hidden = graph_.gelu(linear(name + ".mlp.fc1", graph_.layer_norm(name + ".ln2", x)));
      x = graph_.end_block(graph_.sum(linear(name + ".mlp.fc2", hidden), x));
    }
    return linear("head", graph_.mean_tokens(graph_.layer_norm("ln_f", x)));
  }

 private:
  ValueIndex relu(const std::string& name, ValueIndex x) { return graph_.relu(name, x); }
  ValueIndex linear(const std::string& name, ValueIndex x) { return graph_.linear(name, x, outputs_(name)); }
  ValueIndex conv(const std::string& name, ValueIndex x, GraphBuilder::ConvShape shape) {
    shape.out = outputs_(name);
    return graph_.conv2d(name, x, shape);
  }

  ValueIndex residual(const std::string& name, ValueIndex x, bool halves) {
    const std::int64_t stride = halves ? 2 : 1;
    graph_.begin_block(name, x);
    ValueIndex body = graph_.batch_norm(name + ".bn1", conv(name + ".conv1", x, {0, 3, stride, 1, false}));
    body = relu(name + ".relu1", body);
    body = graph_.batch_norm(name + ".bn2", conv(name + ".conv2", body, {0, 3, 1, 1, false}));
    if (halves) x = graph_.batch_norm(name + ".shortcut.1", conv(name + ".shortcut.0", x, {0, 1, stride, 0, false}));
    return graph_.end_block(relu(name + ".relu2", graph_.sum(body, x)));
  }

  /// Heads are 16 wide.
  ValueIndex attention(const std::string& name, ValueIndex x) {
    constexpr std::int64_t kWidth = 16;
    std::vector<ValueIndex> parts;
    for (const char* part : {".q", ".k", ".v"}) parts.push_back(linear(name + part, x));
    const std::int64_t heads = outputs_(name + ".q") / kWidth;
    return linear(
        name + ".o",
        graph_.add("Attention", name, parts,
                   {{"heads", heads}, {"key_value_heads", heads}, {"causal", std::int64_t{0}}, {"divisor", 4.0}}));
  }

  const ModelSpec& model_;
  const std::function<std::int64_t(const std::string&)>& outputs_;
  GraphBuilder graph_;
  ValueIndex image_;
};

}  // namespace

ModelDescription hand_built(const ModelSpec& model, const std::function<std::int64_t(const std::string&)>& outputs) {
  HandBuilder builder(model, outputs);
  if (model.name == "lenet-5") return builder.described(builder.lenet_5());
  if (model.name == "conv-4") return builder.described(builder.conv_4());
  if (model.name == "vgg-16-bn") return builder.described(builder.vgg_16_bn());
  if (model.name == "resnet-20") return builder.described(builder.resnet(3));
  if (model.name == "resnet-56") return builder.described(builder.resnet(9));
  if (model.name == "transformer") return builder.described(builder.transformer());
  throw Error(ErrorKind::invalid_input, "model " + model.name + " is not written down by hand");
}

}  // namespace espalier
