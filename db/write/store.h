#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "db/read/measured_cost.h"
#include "db/rows/failure_filter.h"
#include "db/write/changes.h"
#include "db/write/store_options.h"
#include "experiments/graph/stage_graph.h"
#include "experiments/paths/store_paths.h"
#include "experiments/stages/outcome.h"
#include "experiments/trials/trial.h"

namespace espalier {

struct CellStatistics;  // db/rows/cell_statistics.h
struct MaskOverlapRow;  // db/rows/mask_overlap_row.h

/// The one writer of a store. Holds the coordinator's lock for its lifetime. Any thread: calls take turns, and one may
/// last as long as a large sweep takes to be written.
class Store {
 public:
  /// Creates the folder and the database if they are missing, migrates an older schema.
  /// Errors: ErrorKind::unavailable if another coordinator has it (its pid and host in the message);
  /// ErrorKind::invalid_input for a database of a newer version, a folder that cannot be written, one on a network
  /// filesystem that `options` do not allow, or none where one must be;
  /// ErrorKind::corrupt if SQLite's quick_check fails; ErrorKind::exhausted on a full disk.
  explicit Store(const std::filesystem::path& root, const StoreOptions& options = {});
  ~Store();
  Store(Store&&) noexcept;

  const StorePaths& paths() const;

  /// A lock: while it is held, calls of other threads wait. It is not acquired if another thread's call is under way: a
  /// thread that must not block tries it first.
  using Turn = std::unique_lock<std::recursive_mutex>;
  Turn try_turn();

  /// Raised durably at every opening; the high half of attempt numbers, so that no number is ever used twice.
  std::uint32_t generation() const;

  /// Writes the sweep, its trials and its stages; finding the same spec (name, trials and stages) again returns the
  /// same sweep. Another spec under a known name becomes a new edition with the plain name as its label; the older
  /// one's label becomes NAME@EDITION.
  /// `yaml` and `overrides` are those of the last time.
  SweepId record_sweep(const std::string& name, const std::string& yaml, const std::vector<Trial>& trials,
                       const StageGraph& graph, const std::vector<std::string>& overrides = {});

  /// The sweep that record_sweep would find again; none if it would add one.
  std::optional<SweepId> find_sweep(const std::string& name, const std::vector<Trial>& trials,
                                    const StageGraph& graph) const;

  /// Which stages of the graph are done (parallel to graph.stages). A done stage whose artifact's file is missing or
  /// has another size counts as not done, and its row is changed; one whose artifact was removed (ArtifactRemoved)
  /// counts as not done too, so that it is computed again if needed, but keeps its row.
  std::vector<bool> done_stages(const StageGraph& graph);

  /// Sets the matching failed stages of this sweep back to waiting, so that they are retried; returns how many. Their
  /// rows in the table failures are kept.
  std::int64_t forget_failures(SweepId sweep, const FailureFilter& filter = {});

  /// Which stages of the graph are failed, and not to be tried again (parallel to graph.stages).
  std::vector<bool> failed_stages(const StageGraph& graph) const;

  /// Failures that were charged to stages of the graph which are still to be done, since they were last done or given
  /// up.
  std::vector<OpenCharge> open_charges(const StageGraph& graph) const;

  /// The attempts that an earlier coordinator left without an end, oldest first. Its pools may still run them.
  std::vector<OpenAttempt> open_attempts() const;
  /// Those that were given up with their pools, whether they ran or waited there, and have a stage that is waiting: the
  /// newest, `most` at most.
  std::vector<OpenAttempt> lost_attempts(std::size_t most) const;

  /// The open submissions, oldest first.
  std::vector<Submission> open_submissions() const;

  /// Finds or adds an environment (JSON text: host, cpu, gpu, blas kernel, versions, git commit).
  /// Errors: RefusedChange for what SQLite does not take for JSON.
  EnvironmentId record_environment(const std::string& json);

  /// All of them, by their JSON.
  std::map<std::string, EnvironmentId> environments() const;

  /// All changes in one transaction; durable when it returns. A stage's outcome arriving twice changes nothing.
  /// Errors, and then nothing was changed: ErrorKind::exhausted on a full disk; RefusedChange.
  void apply(const std::vector<StoreChange>& changes);
  /// Likewise for the first changes only: stops when `go_on`, called before each, returns false.
  void apply_while(const std::deque<StoreChange>& changes, const std::function<bool()>& go_on);

  /// What done trainings of this host took.
  MeasuredCost measured_cost() const;

  /// Replaces the rows behind the view versus_random of the sweeps that occur in `cells`. Called when results came in,
  /// a few times a minute at most. The statistics are analysis's; this only writes them.
  void write_cell_statistics(const std::vector<CellStatistics>& cells);

  /// Replaces the rows behind the view mask_overlap of a sweep, when it ends. Of each row pairing, the trials' keys and
  /// the numbers are written; the rest the store knows.
  void write_mask_overlaps(SweepId sweep, const std::vector<MaskOverlapRow>& rows);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace espalier
