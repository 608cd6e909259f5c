#include <ATen/ops/dropout.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/softmax.h>

#include "worker/operators/computations.h"

namespace espalier {

at::Tensor compute_matmul(const Computed& computed) {
  return at::matmul(computed.inputs[0], computed.inputs[1]);
}

at::Tensor compute_attention(const Computed& computed) {
  const Node& node = computed.node;
  const std::int64_t batch = computed.x().size(0), tokens = computed.x().size(1);
  if (node.integer("heads") == 0) return computed.inputs[2];
  const std::int64_t count = node.integer("heads"), shared = node.integer("key_value_heads");
  const auto heads = [&](const at::Tensor& part, std::int64_t of) {
    const at::Tensor split = part.view({batch, part.size(1), of, part.size(2) / of}).transpose(1, 2);
    return of == count ? split : split.repeat_interleave(count / of, 1);
  };
  const at::Tensor queries = heads(computed.inputs[0], count), keys = heads(computed.inputs[1], shared),
                   values = heads(computed.inputs[2], shared);
  at::Tensor match = at::matmul(queries, keys.transpose(2, 3)).div(node.number("divisor"));
  if (node.integer("causal") != 0) {
    const at::Tensor future = at::ones({tokens, keys.size(2)}, queries.options().dtype(at::kBool)).triu(1);
    match = match.masked_fill(future, -HUGE_VAL);
  }
  if (const at::Tensor bias = computed.input(3); bias.defined()) match = match.add(bias);
  at::Tensor share = at::softmax(match, -1);
  if (node.attributes.contains("dropout"))
    share = at::dropout(share, node.number("dropout"), computed.pass.mode == Mode::train);
  const at::Tensor given = at::matmul(share, values).transpose(1, 2).contiguous();
  if (computed.pass.observer != nullptr) computed.pass.observer->on_heads(node.name, given);
  return given.view({batch, tokens, -1});
}

at::Tensor compute_embedding(const Computed& computed) {
  return at::embedding(computed.inputs[1], computed.x());
}

}  // namespace espalier
