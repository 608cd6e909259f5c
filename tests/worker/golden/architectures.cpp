#include "tests/worker/golden/architectures.h"

namespace espalier {

ValueIndex mlp(GraphBuilder& graph, ValueIndex x, const Shapes& shapes) {
  x = graph.flatten(x);
  for (int i = 1; shapes.has("fc" + std::to_string(i) + ".weight"); ++i) {
    if (i > 1) x = graph.relu("relu" + std::to_string(i - 1), x);
    x = shapes.linear(graph, "fc" + std::to_string(i), x);
  }
  return x;
}

ValueIndex resnet(GraphBuilder& graph, ValueIndex x, const Shapes& shapes) {
  x = graph.relu("relu", graph.batch_norm("bn1", shapes.conv(graph, "conv1", x)));
  for (int i = 1; shapes.has("block" + std::to_string(i) + ".conv1.weight"); ++i) {
    const std::string block = "block" + std::to_string(i);
    const bool projects = shapes.has(block + ".shortcut.0.weight");
    const std::int64_t stride = projects ? 2 : 1;
    graph.begin_block(block, x);
    ValueIndex body = graph.batch_norm(block + ".bn1", shapes.conv(graph, block + ".conv1", x, stride));
    body = shapes.conv(graph, block + ".conv2", graph.relu(block + ".relu1", body));
    body = graph.batch_norm(block + ".bn2", body);
    if (projects) x = graph.batch_norm(block + ".shortcut.1", shapes.conv(graph, block + ".shortcut.0", x, stride));
    x = graph.end_block(graph.relu(block + ".relu2", graph.sum(body, x)));
  }
  return shapes.linear(graph, "fc", graph.global_average_pool(x));
}

ValueIndex transformer(GraphBuilder& graph, ValueIndex x, const Shapes& shapes, std::int64_t heads) {
  x = graph.embedding("tok_emb", x, shapes.size("tok_emb.weight", 0), shapes.size("tok_emb.weight", 1));
  x = graph.position("pos_emb", x);
  for (int i = 0; shapes.has("blocks." + std::to_string(i) + ".ln1.weight"); ++i) {
    const std::string block = "blocks." + std::to_string(i);
    graph.begin_block(block, x);
    x = graph.sum(graph.attention(block + ".attn", graph.layer_norm(block + ".ln1", x), heads, true), x);
    ValueIndex mlp = shapes.linear(graph, block + ".mlp.fc1", graph.layer_norm(block + ".ln2", x));
    mlp = shapes.linear(graph, block + ".mlp.fc2", graph.gelu(mlp));
    x = graph.end_block(graph.sum(mlp, x));
  }
  return shapes.linear(graph, "head", graph.layer_norm("ln_f", x));
}

}  // namespace espalier
