#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "experiments/datasets/dataset.h"
#include "experiments/diagnostics/diagnostic.h"
#include "experiments/graph/stage_graph.h"
#include "experiments/parse/store_config.h"
#include "experiments/spec/failure_policy.h"
#include "experiments/spec/resources.h"
#include "experiments/trials/trial.h"

namespace espalier {

inline constexpr std::uintmax_t kLargestSweepBytes = 1 << 20;

/// A sweep file, read, checked, multiplied out and merged.
struct LoadedSweep {
  std::string name;
  std::string yaml;                    ///< the file as it is
  std::vector<std::string> overrides;  ///< of --set, as they were given
  std::vector<Trial> trials;
  StageGraph graph;
  FailurePolicy on_failure;
  Resources resources;
  std::vector<Diagnostic> warnings;
};

/// Reads the sweep and the sizes of its datasets (files are found in `data`, verified, and not kept).
/// `overrides` are `--set` values: "train.epochs=2". `config` is that of the sweep's store: keys of `on_failure` in the
/// sweep override it, key by key; modules that the store has results of stay what they were there
/// (orchestrator/sweeps/resolve_model_file.h). Errors: ErrorKind::invalid_input with every problem on a line of its
/// own.
LoadedSweep load_sweep(const std::filesystem::path& file, const std::vector<std::string>& overrides,
                       const DataFolder& data, const StoreConfig& config = {});

/// The same for a text; `file` is its name in messages. Relative paths begin in `folder`; in the working directory if
/// it is "". A sweep with a folder was submitted: none of its paths may lie in a store. Errors: likewise;
/// ErrorKind::unavailable soon after `stop` was requested.
LoadedSweep load_sweep_text(std::string yaml, const std::string& file, const std::vector<std::string>& overrides,
                            const DataFolder& data, const StoreConfig& config, const std::filesystem::path& folder = {},
                            const std::stop_token& stop = {});

}  // namespace espalier
