#include "orchestrator/commands/options/sweep_options.h"

#include <CLI/CLI.hpp>

namespace espalier {

void add_sweep_options(CLI::App& command, SweepOptions& options) {
  command.add_option("SWEEP.yaml", options.file, "The sweep's file (docs/sweeps.md)")->required();
  command
      .add_option("--set", options.overrides, "Replace a value: --set train.epochs=2 --set 'prune.sparsity=[0.5,0.9]'")
      ->allow_extra_args(false);
  command.add_option("--data", options.data, "Folder of the datasets (default: $ESPALIER_DATA, else ./data)");
}

}  // namespace espalier
