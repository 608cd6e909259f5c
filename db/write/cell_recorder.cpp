#include "db/write/cell_recorder.h"

#include <map>
#include <string>

namespace espalier {

void record_cells(const SQLite::Database& database, const std::vector<CellStatistics>& cells) {
  Prepared find_sweep(database, "SELECT id FROM sweeps WHERE label = ?");
  Prepared clear(database, "DELETE FROM cell_statistics WHERE sweep_id = ?");
  Prepared add(
      database,
      "INSERT INTO cell_statistics VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
      " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  struct Place {
    std::optional<std::int64_t> sweep;
    std::int64_t next = 0;
  };
  std::map<std::string, Place> places;
  for (const CellStatistics& cell : cells) {
    const auto [place, is_new] = places.try_emplace(cell.sweep);
    auto& [sweep, next] = place->second;
    if (is_new && (sweep = find_sweep.integer(cell.sweep))) clear.run(*sweep);
    if (!sweep) continue;
    add.run(*sweep, next++, cell.dataset, cell.model, cell.method, cell.criterion, cell.granularity, cell.allocation,
            cell.schedule, cell.rounds, cell.retrain, cell.control, cell.sparsity_target, cell.sparsity,
            cell.params_total, cell.params_kept, cell.madds_dense, cell.madds_effective, cell.accuracy, cell.loss,
            cell.test_accuracy_at_best_validation, cell.dense_accuracy, cell.train_steps, cell.wall_s, cell.trial_key,
            cell.seeds, cell.mean_accuracy, cell.random_mean_accuracy, cell.mean_difference_pp, cell.ci95_low_pp,
            cell.ci95_high_pp, cell.p_value, cell.variant, cell.pruned_at_step, cell.p_holm, cell.verdict, cell.rate,
            cell.validation_accuracy, cell.validation_loss, cell.not_learned, cell.params_shrunk, cell.madds_shrunk,
            cell.file_bytes);
  }
}

}  // namespace espalier
