#include "orchestrator/sweeps/load_sweep.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "analysis/statistics/power.h"
#include "base/error.h"
#include "base/files.h"
#include "experiments/diagnostics/throw_if_errors.h"
#include "experiments/expand/check_sweep.h"
#include "experiments/expand/check_trials.h"
#include "experiments/expand/expand_trials.h"
#include "experiments/parse/parse_sweep.h"
#include "experiments/paths/store_around.h"
#include "experiments/spec/sweep_limits.h"
#include "orchestrator/sweeps/resolve_model_file.h"

namespace espalier {
namespace {

void refuse_if_stopped(const std::stop_token& stop) {
  if (!stop.stop_requested()) return;
  throw Error(ErrorKind::unavailable, "the coordinator stops before the sweep was taken in; submit it to the next one");
}

/// Refuses paths into a store: a submitted sweep must not make us read, or run, files that pools uploaded.
void refuse_in_store(const std::filesystem::path& path, const std::filesystem::path& folder) {
  if (folder.empty() || path.empty()) return;                                           // the user's own run
  const std::filesystem::path store = store_around(plain_path(folder / path) / "any");  // or is one
  if (store.empty()) return;
  throw Error(ErrorKind::invalid_input, path.string() + ": lies in the store " + store.string() +
                                            ", whose files no submitted sweep may name; copy it elsewhere");
}

void refuse_large_specs(const StageGraph& graph) {
  for (const Stage& stage : graph.stages) {
    if (stage.spec == nullptr || stage.spec->size() <= kLargestSpecBytes) continue;
    constexpr double kMega = 1 << 20;
    throw Error(ErrorKind::invalid_input,
                fmt::format("{}: what it is to do takes {:.1f} MiB to say, and {:.0f} are the limit; give the schedule "
                            "fewer updates (`every`), or the network fewer layers with bounds of their own",
                            stage.label, static_cast<double>(stage.spec->size()) / kMega,
                            static_cast<double>(kLargestSpecBytes) / kMega));
  }
}

std::vector<Diagnostic> warnings_of(const SweepSpec& spec, std::vector<Diagnostic> warnings,
                                    const std::vector<Trial>& trials) {
  for (Diagnostic& warning : check_sweep(spec)) warnings.push_back(std::move(warning));
  for (Diagnostic& warning : check_trials(spec, trials)) warnings.push_back(std::move(warning));
  const std::string power = warning_of_power(std::ssize(spec.seeds), count_comparisons(trials));
  if (!power.empty()) warnings.push_back(make_diagnostic(Diagnostic::Severity::warning, spec.seeds_place, power));
  return warnings;
}

}  // namespace

LoadedSweep load_sweep(const std::filesystem::path& file, const std::vector<std::string>& overrides,
                       const DataFolder& data, const StoreConfig& config) {
  return load_sweep_text(read_file(file, kLargestSweepBytes, Readable::pipe_too), file.string(), overrides, data,
                         config);
}

LoadedSweep load_sweep_text(std::string yaml, const std::string& file, const std::vector<std::string>& overrides,
                            const DataFolder& data, const StoreConfig& config, const std::filesystem::path& folder,
                            const std::stop_token& stop) {
  LoadedSweep sweep;
  sweep.yaml = std::move(yaml);
  ParsedSweep parsed = parse_sweep(sweep.yaml, file, overrides);
  throw_if_errors("the sweep", parsed.diagnostics);
  sweep.name = parsed.spec->name;
  sweep.overrides = overrides;
  parsed.spec->folder = folder;
  const auto find_dataset = [&](DatasetRequest request) {
    refuse_if_stopped(stop);
    refuse_in_store(request.path, folder);
    refuse_in_store(data, folder);
    if (!request.path.empty()) request.path = folder / request.path;
    return resolve_dataset(request, folder / data);
  };
  const auto find_model_file = [&](const ModelFileRequest& request) -> FoundModelFile {
    refuse_if_stopped(stop);
    refuse_in_store(request.model.path, folder);
    return resolve_model_file(request, config, stop);
  };
  Expansion expansion = expand_trials(*parsed.spec, find_dataset, find_model_file);
  refuse_if_stopped(stop);
  throw_if_errors("the sweep", expansion.diagnostics);
  sweep.trials = std::move(expansion.trials);
  sweep.graph = build_stage_graph(sweep.trials);
  refuse_large_specs(sweep.graph);
  refuse_if_stopped(stop);
  sweep.on_failure = make_failure_policy(parsed.spec->on_failure, config.on_failure);
  sweep.resources = parsed.spec->resources;
  sweep.warnings = warnings_of(*parsed.spec, std::move(expansion.warnings), sweep.trials);
  return sweep;
}

}  // namespace espalier
