#pragma once

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "experiments/expand/expand_trials.h"
#include "experiments/graph/stage_graph.h"
#include "experiments/parse/parse_sweep.h"

namespace espalier {

/// MNIST's sizes (CIFAR-10's for cifar10, rows of 64 numbers for tensors), or those asked for, without their files.
inline DatasetSpec mnist_sizes(const DatasetRequest& request) {
  const std::int64_t validation = request.validation >= 0 ? request.validation
                                  : request.train > 0     ? request.train / 12
                                                          : 5000;
  const bool cifar = request.name == "cifar10";
  const std::int64_t train = request.train > 0 ? request.train : cifar ? 50000 : 60000;
  const std::int64_t test = request.test > 0 ? request.test : 10000;
  const std::string content = request.name + std::to_string(train) + "/" + std::to_string(request.generator_seed);
  std::array<std::int64_t, 3> shape{1, 28, 28};
  if (cifar) shape = {3, 32, 32};
  if (request.name == "tensors") shape = {1, 1, 64};
  return {request.name, content, train - validation, validation, test, shape, 10, request.generator_seed};
}

inline std::vector<std::string> texts(const std::vector<Diagnostic>& diagnostics) {
  std::vector<std::string> lines;
  for (const Diagnostic& diagnostic : diagnostics) lines.push_back(to_string(diagnostic));
  return lines;
}

/// What is wrong with a sweep, found by reading it or by expanding it.
inline std::vector<std::string> problems(const std::string& yaml, const std::vector<std::string>& overrides = {}) {
  const ParsedSweep parsed = parse_sweep(yaml, "s.yaml", overrides);
  if (!parsed.spec) return texts(parsed.diagnostics);
  return texts(expand_trials(*parsed.spec, mnist_sizes).diagnostics);
}

/// The spec of a sweep that has no problems.
inline SweepSpec spec_of(const std::string& yaml, const std::vector<std::string>& overrides = {}) {
  ParsedSweep parsed = parse_sweep(yaml, "s.yaml", overrides);
  EXPECT_EQ(texts(parsed.diagnostics), std::vector<std::string>{});
  return parsed.spec ? std::move(*parsed.spec) : SweepSpec{};
}

inline std::vector<Trial> trials_of(const std::string& yaml, const std::vector<std::string>& overrides = {}) {
  Expansion expansion = expand_trials(spec_of(yaml, overrides), mnist_sizes);
  EXPECT_EQ(texts(expansion.diagnostics), std::vector<std::string>{});
  return std::move(expansion.trials);
}

/// One line about a trial: "magnitude 0.9 iterative/3 finetune 2ep seed 0 (random) [train.lr=0.1]".
inline std::string describe(const Trial& trial) {
  const TrialConfig& config = *trial.config;
  std::string text = config.method;
  if (config.prune) {
    char sparsity[32];
    std::snprintf(sparsity, sizeof sparsity, "%g", config.prune->sparsity_target);
    text += std::string(" ") + sparsity + " " + config.prune->schedule + "/" +
            std::to_string(config.prune->rounds.size()) + " " + config.retrain.name;
    if (config.prune->rate) {
      std::snprintf(sparsity, sizeof sparsity, "%g", *config.prune->rate);
      text += std::string(" rate ") + sparsity;
    }
  }
  text += " seed " + std::to_string(trial.seed);
  if (config.control != Control::none) text += " (" + std::string(to_string(config.control)) + ")";
  if (!config.variant.empty()) text += " [" + config.variant + "]";
  return text;
}

inline std::vector<std::string> described(const std::vector<Trial>& trials) {
  std::vector<std::string> lines;
  for (const Trial& trial : trials) lines.push_back(describe(trial));
  return lines;
}

}  // namespace espalier
