#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "experiments/stage_spec.h"

namespace espalier {

// A model is described here, without tensors, so that both executables read the same text: the light side counts parameters
// and multiply-adds, the worker builds the network. Adding a model is one file beside this one's models/ and one line in
// catalog/models.def.

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
struct ReluOp {};
struct MaxPool2dOp {
  std::int64_t kernel = 2, stride = 2;
};
struct FlattenOp {};

using Op = std::variant<LinearOp, Conv2dOp, ReluOp, MaxPool2dOp, FlattenOp>;

struct ModelDescription {
  std::string name;
  std::array<std::int64_t, 3> input{};
  std::int64_t classes = 0;
  std::vector<Op> ops;  ///< applied in order
};

/// A layer whose weights can be pruned. Weight shapes: Linear [out, in]; Conv2d [out, in, k, k].
struct PrunableLayer {
  std::string name;                  ///< "fc1"; its parameter is "fc1.weight"
  std::vector<std::int64_t> shape;
  std::int64_t weights = 0;
  std::int64_t madds = 0;            ///< multiply-adds of one example through the dense layer, bias not counted
};

struct ModelCounts {
  std::int64_t parameters = 0;       ///< all of them, biases too
  std::int64_t prunable = 0;         ///< weights of Linear and Conv layers
  std::int64_t madds = 0;            ///< of one example through the dense network
};

/// Errors: ErrorKind::invalid_input for an unknown name (with the choices), or an input the model cannot take.
ModelDescription describe_model(const ModelSpec& spec);
/// In the order of the description, which is the order of ties and of PruneTarget::layer_kept.
std::vector<PrunableLayer> prunable_layers(const ModelDescription& model);
ModelCounts count_model(const ModelDescription& model);

}  // namespace espalier
