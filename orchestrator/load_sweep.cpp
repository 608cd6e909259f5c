#include "orchestrator/load_sweep.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "experiments/check_sweep.h"
#include "experiments/expand_trials.h"
#include "experiments/parse/override.h"
#include "experiments/parse_sweep.h"
#include "orchestrator/worker_program.h"

namespace espalier {
namespace {

constexpr std::uintmax_t kLargestSweepBytes = 1 << 20;

void refuse_if_wrong(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  std::size_t errors = 0;
  for (const Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity != Diagnostic::Severity::error) continue;
    text += "\n" + to_string(diagnostic);
    ++errors;
  }
  if (errors == 0) return;
  throw Error(
      ErrorKind::invalid_input,
      (errors == 1 ? "the sweep has a problem:" : "the sweep has " + std::to_string(errors) + " problems:") + text);
}

}  // namespace

LoadedSweep load_sweep(const std::filesystem::path& file, const std::vector<std::string>& overrides,
                       const DataFolder& data) {
  LoadedSweep sweep;
  sweep.yaml = read_file(file, kLargestSweepBytes, Readable::pipe_too);
  const ParsedSweep parsed = parse_sweep(sweep.yaml, file.string(), overrides);
  refuse_if_wrong(parsed.diagnostics);
  sweep.name = parsed.spec->name;
  sweep.yaml = note_overrides(std::move(sweep.yaml), overrides);
  Expansion expansion = expand_trials(
      *parsed.spec, [&](const DatasetRequest& request) { return resolve_dataset(request, data); },
      describe_torchscript);
  refuse_if_wrong(expansion.diagnostics);
  sweep.trials = std::move(expansion.trials);
  sweep.graph = build_stage_graph(sweep.trials);
  sweep.warnings = check_sweep(*parsed.spec);
  return sweep;
}

}  // namespace espalier
