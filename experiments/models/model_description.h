#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "experiments/catalog/default_task.h"
#include "experiments/stages/stage_spec.h"

namespace espalier {

// A model is described here, without tensors, so that both executables read the same text: the light side counts
// parameters and multiply-adds, the worker builds the network. Adding a model is one file beside this one's models/ and
// one line in catalog/models.def.

struct LinearOp {
  std::string name;
  std::int64_t in = 0, out = 0;
  bool bias = true;
};
struct Conv2dOp {
  std::string name;
  std::int64_t in = 0, out = 0, kernel = 0, stride = 1, padding = 0;
  bool bias = true;
};
struct ReluOp {
  std::string name;  ///< "relu1"; for criteria that use its output; may be empty
};
struct GeluOp {};  ///< x Phi(x), exact (Hendrycks & Gimpel 2016, arXiv:1606.08415)
struct MaxPool2dOp {
  std::int64_t kernel = 2, stride = 2;
};
struct GlobalAvgPoolOp {};  ///< [C, H, W] -> [C]
struct FlattenOp {};
/// Ioffe & Szegedy 2015, arXiv:1502.03167; epsilon 1e-5, running statistics with momentum 0.1.
struct BatchNorm2dOp {
  std::string name;
  std::int64_t channels = 0;
};
struct Op;
/// y = body(x) + shortcut(x); an empty shortcut is the identity.
struct ResidualOp {
  std::string name;
  std::vector<Op> body, shortcut;
};
/// A named layer of a stack, or block of a network: what granularity `layer` removes.
struct BlockOp {
  std::string name;
  std::vector<Op> body;
};

// Sequences: [tokens, width], the tokens of one example.

struct RowsOp {};  ///< the rows of an image become tokens: [C, H, W] -> [H, C W]
/// Token numbers (int64 [tokens]; the model's input is {tokens, 1, 1}) -> [tokens, width]. Never pruned.
struct EmbeddingOp {
  std::string name;
  std::int64_t vocabulary = 0, width = 0;
};
/// Adds a learned vector for each place. Never pruned.
struct PositionOp {
  std::string name;
  std::int64_t tokens = 0, width = 0;
};
/// Ba, Kiros & Hinton 2016, arXiv:1607.06450, over the width; epsilon 1e-5.
struct LayerNormOp {
  std::string name;
  std::int64_t width = 0;
};
/// Multi-head self-attention (Vaswani et al. 2017, arXiv:1706.03762, eq. (1)) with linear layers name.q, name.k, name.v
/// and name.o of [width, width], biased; head h has rows h width / heads ... of q, k and v, and those columns of o.
struct AttentionOp {
  std::string name;
  std::int64_t width = 0, heads = 1;
  bool causal = false;
};
struct MeanTokensOp {};  ///< [tokens, width] -> [width]

struct Op {
  std::variant<LinearOp, Conv2dOp, ReluOp, GeluOp, MaxPool2dOp, GlobalAvgPoolOp, FlattenOp, BatchNorm2dOp, ResidualOp,
               BlockOp, RowsOp, EmbeddingOp, PositionOp, LayerNormOp, AttentionOp, MeanTokensOp>
      op;
  template <typename One>
  Op(One one) : op(std::move(one)) {}  // NOLINT: a list of operations reads as one
};

/// Whether an operation of the kind is among them, at any depth.
template <typename Wanted>
bool has_op(const std::vector<Op>& ops) {
  for (const Op& one : ops) {
    if (std::holds_alternative<Wanted>(one.op)) return true;
    const auto* block = std::get_if<BlockOp>(&one.op);
    const auto* residual = std::get_if<ResidualOp>(&one.op);
    if (block != nullptr && has_op<Wanted>(block->body)) return true;
    if (residual != nullptr && (has_op<Wanted>(residual->body) || has_op<Wanted>(residual->shortcut))) return true;
  }
  return false;
}

struct ModelDescription {
  std::string name;
  std::array<std::int64_t, 3> input{};
  std::int64_t classes = 0;
  std::vector<Op> ops;  ///< applied in order; none for a TorchScript module, which computes what it will
  std::optional<ScriptModel> script = {};
  std::string script_path = {};     ///< the module's file on this machine; set before a network is built from it
  std::string task = kDefaultTask;  ///< a name of catalog/tasks.def
};

/// A layer whose weights can be pruned. Weight shapes: Linear [out, in]; Conv2d [out, in, k, k].
struct PrunableLayer {
  std::string name;  ///< "fc1"; its parameter is "fc1.weight"
  std::vector<std::int64_t> shape;
  std::int64_t weights = 0;
  std::int64_t madds = 0;  ///< multiply-adds of one example through the dense layer, bias not counted
  bool bias = true;
  std::string norm;        ///< the batch norm that takes its output; "" if none does
  std::string activation;  ///< the named ReLU that takes its output, through the norm if there is one; "" if none does
  std::string attention;   ///< the AttentionOp it is part of; "" if none
  bool is_output = false;  ///< its outputs are the logits
  bool is_conv() const { return shape.size() == 4; }
};

struct ModelCounts {
  std::int64_t parameters = 0;  ///< all of them: biases and norms too, running statistics not
  std::int64_t prunable = 0;    ///< weights of Linear and Conv layers
  std::int64_t madds = 0;       ///< of one example through the dense Linear and Conv layers
};

/// Errors: ErrorKind::invalid_input for an unknown name (with the choices), or an input the model cannot take.
ModelDescription describe_model(const ModelSpec& spec);
/// In the order of the description, which is the order of ties and of PruneTarget::layer_kept.
std::vector<PrunableLayer> prunable_layers(const ModelDescription& model);
ModelCounts count_model(const ModelDescription& model);

/// What a network makes of a batch of one example, as the last of an epoch may be.
struct LoneExample {
  std::string trouble;      ///< why it cannot be trained on one; "": it can
  bool batch_norm = false;  ///< it has batch norms, which then know no other example
};
/// For a TorchScript module, from its inspection. A batch norm with one value per channel has no variance to divide by,
/// and PyTorch refuses it.
LoneExample lone_example(const ModelDescription& model);

}  // namespace espalier
