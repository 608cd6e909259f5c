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
#include <variant>
#include <vector>

#include "base/error.h"
#include "db/failure_filter.h"
#include "db/measured_cost.h"
#include "db/store_options.h"
#include "experiments/outcome.h"
#include "experiments/stage_graph.h"
#include "experiments/store_paths.h"
#include "experiments/trial.h"

namespace espalier {

/// What was to be written breaks a rule of the schema, or tells of a stage that no sweep has: nothing of it was. Of
/// kind ErrorKind::internal, for whoever does not ask.
class RefusedChange : public Error {
 public:
  explicit RefusedChange(const std::string& message) : Error(ErrorKind::internal, message) {}
};

using SweepId = std::int64_t;
using EnvironmentId = std::int64_t;

struct CellStatistics;  // db/cell_statistics.h
struct MaskOverlapRow;  // db/mask_overlap_row.h

/// What happened, to be made durable. Times are seconds since 1970 (UTC).
struct AttemptStarted {
  std::uint64_t attempt = 0;
  std::string pool;  ///< the pool's name: "local-1"
  int rank = 0;
  EnvironmentId environment = 0;
  std::vector<StageKey> stages;
  double at = 0;
  std::string owner = {};      ///< SHA-256 of the pool's identity, hex; "" if unknown
  std::vector<int> gang = {};  ///< the ranks that run it together, `rank` first; empty: `rank` alone
};
struct StageFinished {
  StageOutcome outcome;  ///< done, or failed if outcome.failure is set
  EnvironmentId environment = 0;
  double at = 0;
};
struct AttemptEnded {
  std::uint64_t attempt = 0;
  std::string how;  ///< "finished", "failed", "interrupted", "lost", "returned" (it had only waited)
  std::string why;  ///< for people; "" if there is nothing to add
  double at = 0;
  std::optional<LossCause> cause = {};  ///< of one that ended without its outcome
};
/// A failure that was charged to a stage, with its evidence.
struct FailureCharged {
  StageKey stage;
  std::uint64_t attempt = 0;
  double at = 0;
  LossCause cause = LossCause::error;
  std::optional<int> signal, exit_code;  ///< of the process, where known
  std::string host;                      ///< "" if unknown
  std::string pool;
  int rank = 0;
  std::string message;
  std::string log;        ///< the last lines of the worker's log
  std::string backtrace;  ///< "" if there is none
  bool quarantined = false;
};
/// A done stage has to be done again: its artifact is missing or damaged.
struct StageReopened {
  StageKey stage;
  std::string note;
};
/// A done stage's artifact was cleared away, or is there after all. The result stays.
struct ArtifactRemoved {
  StageKey stage;
  std::optional<double> at;  ///< none: it is there
};
/// A worker was seen in an environment that nobody had recorded. The id is one that no other has (Store::environments).
struct EnvironmentSeen {
  EnvironmentId environment = 0;
  std::string json;
};
struct SweepChanged {
  SweepId sweep = 0;
  std::string state;  ///< "running", "finished", "stopped", "cancelled", "failed"
  double at = 0;
};
/// A sweep was handed to a coordinator that stays, or what was said of one changed.
struct SweepSubmitted {
  SweepId sweep = 0;
  double at = 0;                       ///< the first time counts
  std::string data, program, catalog;  ///< the folder; SHA-256, hex
  int priority = 0;
  bool paused = false;
  bool open = true;
  std::string folder = {};  ///< that it was submitted from: its relative paths are in there; "" if that is not known
};
/// One that has not ended.
struct Submission {
  SweepId sweep = 0;
  double at = 0;
  std::string data, program, catalog;
  int priority = 0;
  bool paused = false;
  std::string label, yaml;
  std::string folder = {};                  ///< as in SweepSubmitted
  std::vector<std::string> overrides = {};  ///< "train.epochs=2": of --set, in their order
};
/// An attempt that nobody has ended: it runs, or its coordinator died.
struct OpenAttempt {
  std::uint64_t attempt = 0;
  std::string pool;
  int rank = 0;
  std::vector<StageKey> stages;
  double started_at = 0;
  std::string owner = {};      ///< as in AttemptStarted
  std::vector<int> gang = {};  ///< as in AttemptStarted
};
/// A failure that was charged in an earlier run.
struct OpenCharge {
  StageIndex stage = 0;
  LossCause cause = LossCause::error;
  std::string host;
};
using StoreChange = std::variant<AttemptStarted, StageFinished, AttemptEnded, SweepChanged, FailureCharged,
                                 StageReopened, ArtifactRemoved, EnvironmentSeen, SweepSubmitted>;

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

  /// While this lives, other threads' calls wait, and its owner's do not. It owns nothing if one of another thread is
  /// under way: whoever must not wait for that asks first.
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
  /// has another size counts as not done, and its row says so; one that was cleared away (ArtifactRemoved) counts as
  /// not done too, so that it is made again if something needs it, but keeps its row.
  std::vector<bool> done_stages(const StageGraph& graph);

  /// Forgets that those stages of this sweep that fit had failed, so that they are tried again, and says how many they
  /// are. What was charged to them stays in the table failures.
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

  /// What was submitted and has not ended, oldest first.
  std::vector<Submission> open_submissions() const;

  /// Finds or adds an environment (JSON text: host, cpu, gpu, blas kernel, versions, git commit).
  /// Errors: RefusedChange for what SQLite does not take for JSON.
  EnvironmentId record_environment(const std::string& json);

  /// All of them, by their JSON.
  std::map<std::string, EnvironmentId> environments() const;

  /// All changes in one transaction; durable when it returns. A stage's outcome arriving twice changes nothing.
  /// Errors, and then nothing was changed: ErrorKind::exhausted on a full disk; RefusedChange.
  void apply(const std::vector<StoreChange>& changes);
  /// Likewise the first ones only: those before which `go_on` is true. It is asked before each.
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
