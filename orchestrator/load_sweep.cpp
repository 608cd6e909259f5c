#include "orchestrator/load_sweep.h"

#include <algorithm>
#include <utility>

#include "base/files.h"
#include "experiments/check_sweep.h"
#include "experiments/expand_trials.h"
#include "experiments/parse/override.h"
#include "experiments/parse_sweep.h"
#include "orchestrator/refuse_if_wrong.h"
#include "orchestrator/worker_program.h"

namespace espalier {
LoadedSweep load_sweep(const std::filesystem::path& file, const std::vector<std::string>& overrides,
                       const DataFolder& data, const StoreConfig& config) {
  return load_sweep_text(read_file(file, kLargestSweepBytes, Readable::pipe_too), file.string(), overrides, data,
                         config);
}

LoadedSweep load_sweep_text(std::string yaml, const std::string& file, const std::vector<std::string>& overrides,
                            const DataFolder& data, const StoreConfig& config) {
  LoadedSweep sweep;
  sweep.yaml = std::move(yaml);
  const ParsedSweep parsed = parse_sweep(sweep.yaml, file, overrides);
  refuse_if_wrong("the sweep", parsed.diagnostics);
  sweep.name = parsed.spec->name;
  sweep.yaml = note_overrides(std::move(sweep.yaml), overrides);
  Expansion expansion = expand_trials(
      *parsed.spec, [&](const DatasetRequest& request) { return resolve_dataset(request, data); },
      describe_torchscript);
  refuse_if_wrong("the sweep", expansion.diagnostics);
  sweep.trials = std::move(expansion.trials);
  sweep.graph = build_stage_graph(sweep.trials);
  sweep.on_failure = make_failure_policy(parsed.spec->on_failure, config.on_failure);
  sweep.resources = parsed.spec->resources;
  sweep.warnings = check_sweep(*parsed.spec);
  return sweep;
}

}  // namespace espalier
