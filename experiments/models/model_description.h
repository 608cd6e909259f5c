#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiments/catalog/default_task.h"
#include "experiments/operators/operator.h"
#include "experiments/operators/operator_graph.h"
#include "experiments/stages/stage_spec.h"

namespace espalier {

// A model is described here, without tensors, so that both executables read the same graph: the light side counts
// parameters and multiply-adds and says what can be pruned, the worker builds the network. Adding a model is one file
// beside this one and one line in catalog/models.def.

struct ModelDescription {
  std::string name;
  std::array<std::int64_t, 3> input{};
  std::int64_t classes = 0;
  /// Null for a TorchScript module, which computes what it will, and until a graph's file was read.
  std::shared_ptr<const OperatorGraph> graph = {};
  std::optional<ModelFile> file = {};
  std::string file_path = {};       ///< where the file is on this machine; set before a network is built from it
  std::string task = kDefaultTask;  ///< a name of catalog/tasks.def
};

/// A layer whose weights can be pruned. Weight shapes: Linear [out, in]; convolutions [out, in / groups, kernel...]. A
/// weight that several nodes read is one layer, of the first of them.
struct PrunableLayer {
  std::string name;  ///< "fc1"; its parameter is "fc1.weight"
  std::vector<std::int64_t> shape;
  std::int64_t weights = 0;
  std::int64_t madds = 0;  ///< multiply-adds of one example through the dense layer, bias not counted
  bool bias = true;
  std::string norm;        ///< the batch norm with a scale that takes its output; "" if none does
  std::string activation;  ///< the named ReLU that takes its output, through the norm if there is one; "" if none does
  std::size_t activation_dim = 1;  ///< of the ReLU's output: the layer's outputs
  std::string attention;           ///< the attention it is part of; "" if none
  bool is_output = false;          ///< no other layer reads what is made of its outputs: they are the logits
  bool transposed = false;         ///< a transposed convolution: [in, out / groups, kernel...]
  std::int64_t groups = 1;
  std::int64_t outputs() const { return transposed ? shape[1] * groups : shape[0]; }
  bool is_conv() const { return shape.size() > 2; }
};

struct ModelCounts {
  std::int64_t parameters = 0;  ///< all of them: biases and norms too, running statistics not
  std::int64_t prunable = 0;    ///< weights of Linear and Conv layers
  std::int64_t madds = 0;       ///< of one example through the dense Linear and Conv layers
};

/// Errors: ErrorKind::invalid_input for an unknown name (with the choices), or an input the model cannot take.
ModelDescription describe_model(const ModelSpec& spec);
/// The node of a prunable layer. Errors: ErrorKind::internal if there is none of that name.
const Node& layer_node(const OperatorGraph& graph, const std::string& layer);
/// Whether its examples are numbers of tokens.
bool takes_tokens(const ModelDescription& model);
/// Whether some node has an operator with the trait; of a TorchScript module, which nothing is known of: false.
bool has_operator(const ModelDescription& model, OperatorTrait trait);

/// In the order of the graph, which is the order of ties and of PruneTarget::layer_kept.
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
