#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/expand/expand_trials.h"
#include "experiments/expand/prune_points.h"
#include "experiments/models/model_description.h"

namespace espalier {

/// What the combinations that train the same dense network have in common, worked out once.
struct DenseConfig {
  TrialConfig config;  ///< that of its own trial
  Digest digest{};     ///< TrialKeys::network of it
  TrainKeys<Maybe> keys;
  std::vector<PrunableLayer> layers;
  std::int64_t masks_epoch = 1;  ///< of case_epoch.h
  bool has_batch_norm = false;
  LoneExample lone;

  /// Retrain plans by the setting's index, and operating points by those of the prune keys that they depend on. Nothing
  /// inside where the setting does not fit this network, which was reported.
  struct Retrain {
    RetrainConfig config;
    Digest digest{};
    bool same_compute = false;  ///< to be stretched by what pruning saves
    KeyPlace place;
  };
  std::map<std::size_t, std::optional<Retrain>> retrains;
  std::map<std::vector<std::size_t>, PrunePoints> points;
};

/// Makes dense networks for combinations and keeps them. Asks for each dataset once.
class DenseConfigs {
 public:
  DenseConfigs(const SweepSpec& spec, const DatasetResolver& resolve, const ModelFileResolver& files,
               Problems& problems);

  /// Null where the combination's dataset, model or recipe do not fit together, which was reported.
  DenseConfig* find(const Combination& combination);

 private:
  std::unique_ptr<DenseConfig> make(const Combination& combination);
  const DatasetSpec* dataset_of(const Combination& combination);
  /// The model for this dataset, its file's path in `config`, and the result of its inspection in `lone`; nothing after
  /// reporting what is wrong with it.
  bool set_model(const Combination& combination, const DatasetSpec& dataset, TrialConfig& config, LoneExample& lone);
  /// Of a path as the sweep gives it.
  std::filesystem::path absolute_path(const std::string& given) const;
  /// Asks once for each file and shape of the examples. Errors: those of the resolver.
  const FoundModelFile& file_of(const ModelRequest& request, const DatasetSpec& dataset);
  /// Several ranks share batches that they can share, and only of models whose layers know of each other's parts.
  bool set_ranks(const Combination& combination, TrialConfig& config);
  /// A scheme that keeps a file's weights needs a file.
  bool set_init(const Combination& combination, TrialConfig& config);
  /// Of two datasets with equal content the trials would be equal, and those of one would vanish.
  void refuse_equal_content(std::size_t index);

  const SweepSpec& spec_;
  const DatasetResolver& resolve_;
  const ModelFileResolver& resolve_file_;
  Problems& problems_;
  std::map<std::size_t, std::optional<DatasetSpec>> datasets_;
  std::map<ModelFileRequest, FoundModelFile> model_files_;
  std::map<Combination, std::unique_ptr<DenseConfig>> networks_;
  Combination key_;  // the last request, which is often repeated
  DenseConfig* last_ = nullptr;
};

/// "train.lr=0.01, prune.at=init": the part of a combination that no column of the results shows. `only_dense`: of the
/// axes that the dense network depends on.
std::string variant_of(const SweepSpec& spec, const Combination& combination, bool only_dense);

}  // namespace espalier
