#include <iostream>

#include <CLI/CLI.hpp>

#include "analysis/masks/mask_reports.h"
#include "analysis/masks/sweep_overlaps.h"
#include "base/word_option.h"
#include "db/read/store_reader.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/options/sweep_name_option.h"

namespace espalier {
namespace {

/// As the coordinator stored them when the sweep ended; before that, from the masks there are.
std::vector<MaskOverlapRow> overlaps(const std::string& store, const std::string& sweep) {
  const StoreReader reader(store);
  std::vector<MaskOverlapRow> rows = reader.mask_overlaps(sweep);
  if (rows.empty()) rows = compute_mask_overlaps(sweep, reader.trial_masks(sweep), artifact_masks(store));
  return rows;
}

}  // namespace

void add_overlap_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("overlap", "How alike the masks of methods, or of seeds, are beyond chance");
  auto sweep = std::make_shared<std::string>();
  auto pairing = std::make_shared<std::string>("method");
  auto json = std::make_shared<bool>(false);
  add_sweep_name(*command, *sweep, "default: its only one");
  command->add_option("--by", *pairing, "method: two methods with one seed; seed: two seeds of one method")
      ->check(word_option({"method", "seed"}))
      ->capture_default_str();
  command->add_option("--store", line.store, "Folder of the results")->capture_default_str();
  command->add_flag("--json", *json, "As JSON, a row for each pair");
  command->callback([sweep, pairing, json, &line] {
    std::cout << render_overlaps(overlaps(line.store, only_sweep(line.store, *sweep)), *pairing, *json);
  });
}

}  // namespace espalier
