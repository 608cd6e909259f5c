#include "experiments/expand/pruned_choices.h"

#include <utility>

#include <fmt/format.h>

namespace espalier {
namespace {

using Kind = Granularity::Kind;

std::string problem_of(const RepairSetting& asked, const Granularity& granularity, bool has_batch_norm,
                       const TrialConfig& config, const RepairRule& rule) {
  if (asked.refit && granularity.kind != Kind::channel && granularity.kind != Kind::head) {
    return fmt::format(
        "refit fits layers that read removed units, and granularity {} removes none; use channel or head",
        to_string(granularity));
  }
  if (asked.bn_stats && config.model.file && !config.model.file->is_graph)
    return "bn_stats is not known of TorchScript modules that are black boxes; use none";
  if (asked.bn_stats && !has_batch_norm) {
    return fmt::format("bn_stats estimates statistics of batch norms, and {} has none; use refit or none",
                       config.model.name);
  }
  if (config.prune->gradual) return "the schedule prunes inside the training, which goes on at once; use none";
  if (config.retrain.recipe && config.retrain.weights != RetrainConfig::Weights::pruned) {
    return fmt::format("repairs the weights that were pruned, and retrain {} trains others; use none, or finetune",
                       config.retrain.name);
  }
  if (asked.bn_stats && rule.batch_size < 2) return "bn_stats needs batches of at least 2 examples";
  if (rule.batches * rule.batch_size <= config.dataset.train) return "";
  return fmt::format("looks at {} examples, more than the {} training examples", rule.batches * rule.batch_size,
                     config.dataset.train);
}

}  // namespace

Chosen<std::string> choose_compute(const std::string& asked, const Granularity& granularity,
                                   const TrialConfig& config) {
  if (asked == "masked") return {};
  std::string why;
  if (!removes_units_whole(granularity)) {
    why = fmt::format("granularity {} removes none as a whole; use channel, head or layer", to_string(granularity));
  } else if (config.prune->gradual) {
    why = "the schedule prunes inside the training, which keeps its masks; use another schedule";
  }
  if (why.empty()) return {kShrunk};
  if (asked == "auto") return {};
  return {"", fmt::format("shrunk leaves out whole channels, heads and blocks, and {}, or auto", why)};
}

Chosen<std::optional<RepairRule>> choose_repair(const RepairSetting& asked, const Granularity& granularity,
                                                bool has_batch_norm, const TrialConfig& config) {
  if (!asked.refit && !asked.bn_stats) return {};
  const RepairRule rule{asked.refit, asked.bn_stats, asked.batches,
                        asked.batch_size > 0 ? asked.batch_size : config.train.batch_size,
                        asked.refit ? asked.damping : 0};
  std::string problem = problem_of(asked, granularity, has_batch_norm, config, rule);
  if (problem.empty()) return {rule};
  return {std::nullopt, std::move(problem)};
}

}  // namespace espalier
