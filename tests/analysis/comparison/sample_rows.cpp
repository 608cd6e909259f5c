#include "tests/analysis/comparison/sample_rows.h"

#include "base/random.h"
#include "base/sha256.h"

namespace espalier {

ResultRow make_row(const std::string& method, std::uint64_t seed, double accuracy) {
  ResultRow row;
  row.sweep = "curves";
  row.dataset = "glyphs";
  row.model = "lenet-300-100";
  row.seed = seed;
  row.method = method;
  row.params_total = 266610;
  row.params_kept = 266610;
  row.madds_dense = 266200;
  row.madds_effective = 266200;
  row.accuracy = accuracy;
  row.loss = 0.1;
  row.test_accuracy_at_best_validation = accuracy;
  row.dense_accuracy = 0.98;
  row.train_steps = 4585;
  row.wall_s = 12.5;
  row.control = "none";
  row.retrain = "none";
  row.trial_key = to_hex(sha256(method + std::to_string(seed)));
  if (method == "dense") return row;
  row.criterion = method;
  row.granularity = "weight";
  row.allocation = "global";
  row.schedule = "one_shot";
  row.rounds = 1;
  row.retrain = "finetune 2ep";
  row.control = method == "random" ? "random" : "none";
  row.sparsity_target = 0.9;
  row.sparsity = row.sparsity_total = 0.9;
  row.params_kept = 27030;
  row.madds_effective = 26620;
  row.pruned_at_step = 4585;
  return row;
}

ResultRow make_control_row(const std::string& method, const std::string& control, std::uint64_t seed, double accuracy) {
  ResultRow row = make_row(method, seed, accuracy);
  row.control = control;
  return row;
}

std::vector<ResultRow> make_rows(const std::string& method, const std::vector<double>& accuracies) {
  std::vector<ResultRow> rows;
  for (std::size_t seed = 0; seed < accuracies.size(); ++seed) rows.push_back(make_row(method, seed, accuracies[seed]));
  return rows;
}

std::vector<ResultRow> make_sweep_rows() {
  std::vector<ResultRow> rows = make_rows("dense", {0.981, 0.98, 0.979});
  RandomStream noise(1, "sample_rows");
  const auto add = [&](ResultRow row, double sparsity, int rounds) {
    row.sparsity_target = row.sparsity = row.sparsity_total = sparsity;
    row.rounds = rounds;
    row.schedule = rounds == 1 ? "one_shot" : "iterative";
    row.accuracy = *row.accuracy + noise.uniform(-0.001, 0.001);
    rows.push_back(row);
  };
  for (const double sparsity : {0.5, 0.9, 0.98}) {
    for (const int rounds : {1, 5}) {
      const double harm = sparsity == 0.98 ? 0.05 : sparsity == 0.9 ? 0.006 : 0.0;
      for (std::uint64_t seed = 0; seed < 3; ++seed) {
        const double base = 0.979 + 0.001 * static_cast<double>(seed);
        add(make_row("magnitude", seed, base - harm / 5), sparsity, rounds);
        add(make_row("gradient", seed, base - harm * 1.5), sparsity, rounds);
        add(make_row("random", seed, base - harm), sparsity, rounds);
        if (sparsity < 0.98) continue;
        add(make_control_row("magnitude", "shuffle", seed, base - harm / 2), sparsity, rounds);
        add(make_control_row("magnitude", "reinit", seed, base - harm / 3), sparsity, rounds);
      }
    }
  }
  return rows;
}

}  // namespace espalier
