#include "orchestrator/serve_sweeps.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/sha256.h"
#include "db/store.h"
#include "experiments/catalog.h"
#include "experiments/parse/override.h"
#include "orchestrator/load_store_config.h"
#include "orchestrator/open_attempts.h"
#include "orchestrator/pool_of_this_machine.h"
#include "orchestrator/sweep_book.h"

namespace espalier {
namespace {

/// Relative paths in a sweep are those of whoever submitted it. Main thread; the loop is not at anything else.
class InFolder {
 public:
  explicit InFolder(const std::filesystem::path& folder) : before_(std::filesystem::current_path()) {
    std::error_code error;
    std::filesystem::current_path(folder, error);
    if (error) {
      throw Error(ErrorKind::invalid_input, folder.string() + ": the coordinator cannot enter the folder that the " +
                                                "sweep was submitted from: " + error.message());
    }
  }
  ~InFolder() {
    std::error_code ignored;
    std::filesystem::current_path(before_, ignored);
  }
  InFolder(const InFolder&) = delete;
  InFolder& operator=(const InFolder&) = delete;

 private:
  std::filesystem::path before_;
};

/// The sweeps of a coordinator that stays, and what the store remembers of them.
class Submissions {
 public:
  Submissions(Store& store, SweepBook& book, const Core& core)
      : store_(store),
        book_(book),
        core_(core),
        program_(to_hex(sha256_file("/proc/self/exe"))),
        catalog_(catalog_fingerprint()) {}

  SweepToRun take(const std::string& arguments) {
    const auto asked = nlohmann::json::parse(arguments);
    std::vector<std::string> overrides;
    std::string yaml, file, data, folder;
    int priority = 0;
    try {
      yaml = asked.at("yaml").get<std::string>();
      file = asked.at("file").get<std::string>();
      data = asked.at("data").get<std::string>();
      folder = asked.at("folder").get<std::string>();
      overrides = asked.at("overrides").get<std::vector<std::string>>();
      priority = asked.value("priority", 0);
    } catch (const nlohmann::json::exception&) {
      throw Error(ErrorKind::invalid_input, "a sweep is submitted with yaml, file, data, folder and overrides");
    }
    const InFolder there(folder);
    LoadedSweep sweep = load_sweep_text(std::move(yaml), file, overrides, data, load_store_config(store_.paths()));
    if (std::optional<SweepToRun> active = find_active(sweep)) return std::move(*active);
    return begin(std::move(sweep), {0, utc_seconds(), data, program_, catalog_, priority, false, "", ""});
  }

  /// One that an earlier coordinator took. None, with a line for the user, if it cannot go on as what it was.
  std::optional<SweepToRun> take_up(const Submission& submission, std::string& why_not) {
    try {
      LoadedSweep sweep = load_sweep_text(submission.yaml, submission.label, noted_overrides(submission.yaml),
                                          submission.data, load_store_config(store_.paths()));
      sweep.yaml = submission.yaml;  // it has its notes already
      if (store_.find_sweep(sweep.name, sweep.trials, sweep.graph) == submission.sweep)
        return begin(std::move(sweep), submission);
      why_not = "this espalier makes other trials or stages of its YAML than the one that took it; submit it again";
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::invalid_input) throw;
      why_not = error.what();
    }
    store_.apply({SweepSubmitted{submission.sweep, submission.at, submission.data, submission.program,
                                 submission.catalog, submission.priority, submission.paused, false},
                  SweepChanged{submission.sweep, "stopped", utc_seconds()}});
    return std::nullopt;
  }

  void on_changed(const Workload::Sweep& sweep) {
    Submission& known = taken_.at(sweep.id);
    known.priority = sweep.priority;
    known.paused = sweep.paused;
    write(sweep.id, known, true);
  }

  void on_ended(SweepId id, const SweepStatus& status, SweepEnd how) {
    const std::string name = taken_.at(id).label;
    write(id, taken_.at(id), false);
    book_.end(id, how == SweepEnd::cancelled                                       ? "cancelled"
                  : how == SweepEnd::too_many_failures || status.trials_failed > 0 ? "failed"
                                                                                   : "finished");
    if (how == SweepEnd::finished) book_.record_overlaps(id, name);
  }

  /// The coordinator stops; they go on with the next one.
  void pause_all(const std::vector<Workload::Sweep>& sweeps) {
    for (const Workload::Sweep& sweep : sweeps) {
      if (!sweep.end) book_.end(sweep.id, "stopped");
    }
  }

 private:
  /// What runs already stays as it is, whatever it is submitted with this time.
  std::optional<SweepToRun> find_active(LoadedSweep& sweep) const {
    const std::optional<SweepId> id = store_.find_sweep(sweep.name, sweep.trials, sweep.graph);
    const bool is_active =
        std::ranges::any_of(core_.sweeps(), [&](const Workload::Sweep& known) { return known.id == id && !known.end; });
    if (!is_active) return std::nullopt;
    SweepToRun run;
    run.id = *id;
    run.name = sweep.name;
    for (const Stage& stage : sweep.graph.stages) run.done.push_back(core_.is_done(stage.key));
    run.graph = std::move(sweep.graph);
    return run;
  }

  SweepToRun begin(LoadedSweep sweep, Submission submission) {
    SweepToRun run = book_.begin(std::move(sweep));
    run.priority = submission.priority;
    run.paused = submission.paused;
    run.data = submission.data;
    submission.label = run.name;
    write(run.id, submission, true);
    taken_[run.id] = std::move(submission);
    return run;
  }
  void write(SweepId id, const Submission& known, bool open) {
    store_.apply(
        {SweepSubmitted{id, known.at, known.data, known.program, known.catalog, known.priority, known.paused, open}});
  }

  Store& store_;
  SweepBook& book_;
  const Core& core_;
  const std::string program_, catalog_;
  std::map<SweepId, Submission> taken_;
};

}  // namespace

Coordinator::Ending serve_sweeps(const RunSettings& settings, ProgressLine& progress,
                                 const std::function<void(int port)>& on_ready) {
  Store store(settings.store, {.allow_network_filesystem = settings.allow_network_filesystem});
  log_to_file(store.paths().logs() / "coordinator.log", "coordinator");
  SweepBook book(store);
  Core core({store.generation(), true});
  Submissions submissions(store, book, core);
  CoordinatorOptions options;
  for (const Submission& submission : store.open_submissions()) {
    std::string why_not;
    if (auto sweep = submissions.take_up(submission, why_not)) {
      progress.tell("going on with " + sweep->name);
      options.data.push_back(sweep->data);
      core.add_sweep(std::move(*sweep), utc_seconds());
    } else {
      progress.tell(fmt::format("{} does not go on: {}", submission.label, why_not));
    }
  }
  options.host = settings.host;
  options.port = settings.port;
  options.stays = true;
  if (settings.workers != 0) options.local_pools = {pool_of_this_machine(settings, store.paths())};
  options.pool_starts = settings.pool_starts;
  options.open = take_up_attempts(store, core);
  options.on_results = [&book] { book.refresh_comparison(); };
  options.on_submit = [&submissions](const std::string& arguments) { return submissions.take(arguments); };
  options.on_sweep_changed = [&submissions](const Workload::Sweep& sweep) { submissions.on_changed(sweep); };
  options.on_sweep_ended = [&](SweepId id, SweepEnd how) {
    const auto sweep = std::ranges::find(core.sweeps(), id, &Workload::Sweep::id);
    const SweepStatus status = core.sweep_status(*sweep);
    progress.tell(fmt::format("{}: {} of {} trials done{}", sweep->name, status.trials_done, status.trials,
                              how == SweepEnd::cancelled ? ", cancelled" : ""));
    submissions.on_ended(id, status, how);
  };
  Coordinator coordinator(store, core, std::move(options), progress);
  on_ready(coordinator.port());
  const Coordinator::Ending ending = coordinator.run();
  submissions.pause_all(core.sweeps());
  return ending;
}

}  // namespace espalier
