#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "experiments/models/model_description.h"
#include "worker/criteria/criterion.h"
#include "worker/network/named_tensors.h"
#include "worker/network/network.h"

namespace espalier {

/// The folder of golden vectors: $ESPALIER_GOLDEN, else the default beside the repository. It holds one folder for each
/// case, with tensors.safetensors and meta.json; its README.md says which program computed what.
std::filesystem::path golden_folder();

/// One case as it lies in the folder. Nothing of it is known beforehand but the architecture that its name stands for:
/// names, shapes and counts are read from it.
class GoldenCase {
 public:
  explicit GoldenCase(const std::filesystem::path& folder);

  std::string name;
  nlohmann::json meta;
  NamedTensors tensors;

  bool has(const std::string& key) const { return has_tensor(tensors, key); }
  /// Errors: fails by std::out_of_range naming the key.
  const at::Tensor& tensor(const std::string& key) const;
  /// Tensors whose keys begin with `prefix`, without it, in the file's order.
  NamedTensors under(const std::string& prefix) const;

  ModelDescription model() const;
  /// With the case's parameters and buffers.
  Network network(c10::ScalarType type = c10::kFloat) const;
  /// The case's one batch. Of a token model the last token of each sequence has no label.
  Batch batch() const;
  /// What scores see: `network`, the one batch, the catalog's defaults for `criterion`.
  CriterionContext context(Network& network, const std::string& criterion) const;
};

/// A criterion's scores of the case, by parameter; layers that it cannot score are left out.
NamedTensors golden_scores(const GoldenCase& golden, const std::string& criterion);
/// The prunable weights' names, with tensors of another function in the same order; undefined ones are left out.
NamedTensors by_parameter(const Network& network, const std::vector<at::Tensor>& tensors);

/// How an entry of a table below compares the keys that begin with `head`.
struct GoldenEntry {
  /// Of the largest golden value of a tensor; 0: equal to the bit.
  double tolerance = 0;
  /// Our tensors, by what follows `head` and `detail` in the keys. `detail` is the sparsity or level of a mask's key.
  std::function<NamedTensors(const GoldenCase& golden, const std::string& detail)> compute;
};
using GoldenTable = std::map<std::string, GoldenEntry>;

GoldenTable golden_networks();
GoldenTable golden_criteria();
GoldenTable golden_masks();
GoldenTable golden_repairs();
/// Heads and blocks.
GoldenTable golden_structures();
/// Coupled channels.
GoldenTable golden_torch_pruning();

}  // namespace espalier
