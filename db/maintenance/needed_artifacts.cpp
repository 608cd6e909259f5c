#include "db/maintenance/needed_artifacts.h"

#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/error.h"
#include "db/sqlite/prepared.h"

namespace espalier {
namespace {

using StageId = std::int64_t;

class Search {
 public:
  Search(const SQLite::Database& database, const std::vector<ArtifactRow>& rows,
         const std::unordered_set<StageKey>& present)
      : database_(database), present_(present) {
    for (const ArtifactRow& row : rows) row_of_.emplace(row.id, &row);
    Prepared(database, "SELECT stage_id, input_id FROM stage_inputs").each([&](SQLite::Statement& row) {
      inputs_[row.getColumn(0).getInt64()].push_back(row.getColumn(1).getInt64());
    });
  }

  NeededArtifacts run() {
    keep_what_finished_trials_show();
    want_what_is_open();
    while (!open_.empty()) {
      const StageId stage = open_.back();
      open_.pop_back();
      open_up(stage);
    }
    return std::move(needed_);
  }

 private:
  template <typename Visit>
  void for_each_id(const char* query, Visit visit) {
    Prepared(database_, query).each([&](SQLite::Statement& row) { visit(row.getColumn(0).getInt64()); });
  }

  /// In a damaged database a row may refer to a missing one.
  const ArtifactRow* row_of(StageId stage) const {
    const auto found = row_of_.find(stage);
    if (found != row_of_.end()) return found->second;
    throw Error(ErrorKind::corrupt,
                "the database is damaged: it names stage " + std::to_string(stage) +
                    ", which is not there; `espalier db check` says more, and docs/maintenance.md how "
                    "to restore a backup");
  }

  void keep_what_finished_trials_show() {
    const auto keep = [&](StageId stage) { needed_.artifacts.insert(row_of(stage)->key); };
    for_each_id("SELECT i.input_id FROM trials t JOIN stage_inputs i ON i.stage_id = t.evaluate_stage", keep);
    for_each_id("SELECT masks_stage FROM trials WHERE masks_stage IS NOT NULL", keep);
    for_each_id("SELECT id FROM stages WHERE kind = 'sensitivity'", keep);
  }

  void want_what_is_open() {
    const auto want_it = [&](StageId stage) { want(stage); };
    for_each_id("SELECT evaluate_stage FROM trials", want_it);
    for_each_id("SELECT dense_evaluate_stage FROM trials WHERE dense_evaluate_stage IS NOT NULL", want_it);
    for_each_id("SELECT id FROM stages WHERE kind IN ('sensitivity', 'latency')", want_it);
  }

  bool is_available(const ArtifactRow& row) const {
    return row.is_done && (row.sha256.empty() || present_.count(row.key) != 0);
  }

  /// This stage's result is needed: it exists, or the stage has to run.
  void want(StageId stage) {
    if (!is_available(*row_of(stage)) && seen_.insert(stage).second) open_.push_back(stage);
  }

  /// The stage has to run, and reads these.
  void open_up(StageId stage) {
    const auto take = [&](StageId input) {
      needed_.artifacts.insert(row_of(input)->key);
      want(input);
    };
    for (const StageId input : inputs_[stage]) take(input);
    if (const auto earlier = row_of(stage)->resume_from) {
      take(*earlier);
      needed_.resume_states.insert(row_of(*earlier)->key);
    }
  }

  const SQLite::Database& database_;
  const std::unordered_set<StageKey>& present_;
  std::unordered_map<StageId, const ArtifactRow*> row_of_;
  std::unordered_map<StageId, std::vector<StageId>> inputs_;
  std::unordered_set<StageId> seen_;
  std::vector<StageId> open_;
  NeededArtifacts needed_;
};

}  // namespace

NeededArtifacts find_needed_artifacts(const SQLite::Database& database, const std::vector<ArtifactRow>& rows,
                                      const std::unordered_set<StageKey>& present) {
  return Search(database, rows, present).run();
}

}  // namespace espalier
