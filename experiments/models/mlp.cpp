#include <utility>

#include "base/error.h"
#include "experiments/models/models.h"
#include "experiments/models/name_sizes.h"

namespace espalier {

/// Linear layers with ReLU between them (Rumelhart, Hinton & Williams 1986, doi:10.1038/323533a0, had the sigmoid):
/// mlp-512-256 is inputs-512-256-classes. An input of any shape is flattened. lenet-300-100 is the mlp-300-100.
ModelDescription describe_mlp(const ModelSpec& spec) {
  constexpr NameSizes kForm{"mlp", "the widths of its hidden layers", "mlp-512-256", '-', 1, 32, 65'536};
  constexpr std::int64_t kMostWeights = 1 << 30;
  const std::vector<std::int64_t> widths = read_sizes(spec.name, kForm);
  std::int64_t inputs = spec.input[0] * spec.input[1] * spec.input[2];
  std::int64_t weights = 0;
  for (const std::int64_t width : widths) weights += std::exchange(inputs, width) * width;
  weights += inputs * spec.classes;
  if (weights > kMostWeights) {
    throw Error(ErrorKind::invalid_input, "model: " + spec.name + " has " + std::to_string(weights) +
                                              " weights here; at most " + std::to_string(kMostWeights) +
                                              " are possible");
  }
  GraphBuilder graph;
  ValueIndex x = graph.flatten(input_image(graph, spec));
  for (std::size_t i = 0; i < widths.size(); ++i) {
    const std::string place = std::to_string(i + 1);
    x = graph.relu("relu" + place, graph.linear("fc" + place, x, widths[i]));
  }
  return described(spec, graph, graph.linear("fc" + std::to_string(widths.size() + 1), x, spec.classes));
}

}  // namespace espalier
