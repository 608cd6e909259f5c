#include "orchestrator/commands/options/sweep_name_option.h"

#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "db/read/store_reader.h"

namespace espalier {

void add_sweep_name(CLI::App& command, std::string& name, const std::string& without) {
  CLI::Option* argument =
      command.add_option("SWEEP", name, "A sweep of the store, by the label that status shows (" + without + ")");
  command
      .add_option_function<std::string>("--sweep",
                                        [&name, argument](const std::string& given) {
                                          if (argument->count() > 0) throw CLI::ExcludesError("--sweep", "SWEEP");
                                          name = given;
                                        })
      ->group("");
}

std::string only_sweep(const std::string& store, const std::string& name) {
  if (!name.empty()) return name;
  std::vector<std::string> labels;
  for (const SweepRow& sweep : StoreReader(store).sweeps()) labels.push_back(sweep.label);
  if (labels.size() == 1) return labels.front();
  if (labels.empty()) throw Error(ErrorKind::invalid_input, store + " has no sweeps yet");
  throw Error(ErrorKind::invalid_input,
              fmt::format("{} has several sweeps: name one of {}", store, fmt::join(labels, ", ")));
}

}  // namespace espalier
