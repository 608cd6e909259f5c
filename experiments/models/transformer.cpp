#include <string>
#include <vector>

#include "base/error.h"
#include "experiments/models/models.h"
#include "experiments/models/name_sizes.h"

namespace espalier {
namespace {

struct Sizes {
  std::int64_t layers = 2, width = 64, heads = 4;
};

Sizes sizes_of(const std::string& name) {
  constexpr NameSizes kForm{"transformer", "its layers, width and heads", "transformer-2x64x4", 'x', 3, 3, 4096};
  constexpr std::int64_t kMostLayers = 96;
  if (name == kForm.family) return {};
  const std::vector<std::int64_t> found = read_sizes(name, kForm);
  const Sizes sizes{found[0], found[1], found[2]};
  if (sizes.width % sizes.heads != 0) {
    throw Error(ErrorKind::invalid_input, "model: " + name + " cannot share a width of " + std::to_string(sizes.width) +
                                              " among " + std::to_string(sizes.heads) + " heads");
  }
  if (sizes.layers <= kMostLayers) return sizes;
  throw Error(ErrorKind::invalid_input, "model: " + name + " has " + std::to_string(sizes.layers) +
                                            " layers; at most " + std::to_string(kMostLayers) + " are possible");
}

ValueIndex layer(GraphBuilder& graph, const std::string& name, ValueIndex x, const Sizes& sizes) {
  graph.begin_block(name, x);
  x = graph.sum(graph.attention(name + ".attn", graph.layer_norm(name + ".ln1", x), sizes.heads), x);
  ValueIndex mlp = graph.linear(name + ".mlp.fc1", graph.layer_norm(name + ".ln2", x), 2 * sizes.width);
  mlp = graph.linear(name + ".mlp.fc2", graph.gelu(mlp), sizes.width);
  return graph.end_block(graph.sum(mlp, x));
}

}  // namespace

/// A transformer (Vaswani et al. 2017, arXiv:1706.03762) that classifies images: the rows of an image are its tokens, a
/// linear layer embeds them, learned places are added, and the mean over the tokens is classified. Layers have their
/// norms before attention and MLP (Xiong et al. 2020, arXiv:2002.04745), the MLP is twice as wide and has a GELU.
/// Differs: no dropout; Vision Transformers (Dosovitskiy et al. 2021, arXiv:2010.11929) cut squares, not rows.
/// transformer-2x64x4 (layers, width, heads) is what `transformer` alone means.
ModelDescription describe_transformer(const ModelSpec& spec) {
  const Sizes sizes = sizes_of(spec.name);
  GraphBuilder graph;
  ValueIndex x = graph.linear("embed", graph.rows(input_image(graph, spec)), sizes.width);
  x = graph.position("pos_emb", x);
  for (std::int64_t i = 0; i < sizes.layers; ++i) x = layer(graph, "blocks." + std::to_string(i), x, sizes);
  x = graph.mean_tokens(graph.layer_norm("ln_f", x));
  return described(spec, graph, graph.linear("head", x, spec.classes));
}

}  // namespace espalier
