#include "orchestrator/coordinator/serve_sweeps.h"

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
#include "db/write/store.h"
#include "experiments/catalog/catalog.h"
#include "orchestrator/coordinator/local_pool_settings.h"
#include "orchestrator/coordinator/lone_coordinator.h"
#include "orchestrator/coordinator/open_attempts.h"
#include "orchestrator/sweeps/load_store_config.h"
#include "orchestrator/sweeps/sweep_journal.h"

namespace espalier {
namespace {

/// The sweeps of a permanent coordinator, and their records in the store. One thread at a time.
class Submissions {
 public:
  Submissions(Store& store, SweepJournal& book)
      : store_(store), book_(book), program_(to_hex(sha256_file("/proc/self/exe"))), catalog_(catalog_fingerprint()) {}

  SubmittedSweep read(const std::string& arguments, const std::stop_token& stop) {
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
      for (const std::string& text : {file, data, folder}) {
        if (text.find('\0') != std::string::npos)
          throw Error(ErrorKind::invalid_input, "a path with a zero byte in it is none");
      }
    } catch (const nlohmann::json::exception&) {
      throw Error(ErrorKind::invalid_input, "a sweep is submitted with yaml, file, data, folder and overrides");
    }
    std::error_code error;
    if (!std::filesystem::is_directory(folder, error)) {
      throw Error(ErrorKind::invalid_input,
                  folder + ": the coordinator does not find the folder that the sweep was submitted from" +
                      (error ? ": " + error.message() : ""));
    }
    folder = std::filesystem::absolute(folder).lexically_normal().string();
    SubmittedSweep submitted;
    submitted.sweep =
        load_sweep_text(std::move(yaml), file, overrides, data, load_store_config(store_.paths()), folder, stop);
    submitted.known = store_.find_sweep(submitted.sweep.name, submitted.sweep.trials, submitted.sweep.graph);
    submitted.take_in = [this, data, priority, folder](LoadedSweep sweep) {
      SweepToRun run =
          begin(std::move(sweep), {0, utc_seconds(), data, program_, catalog_, priority, false, "", "", folder});
      close_waiting(run.name, run.id);
      return run;
    };
    return submitted;
  }

  /// A sweep of an earlier coordinator. None, with a line for the user, if it cannot be resumed. It stays open unless
  /// it can never be loaded as before: a disk may be mounted again.
  std::optional<SweepToRun> take_up(const Submission& submission, const StoreConfig& config, std::string& line) {
    std::optional<LoadedSweep> sweep = load_again(submission, config, line);
    if (sweep && store_.find_sweep(sweep->name, sweep->trials, sweep->graph) == submission.sweep)
      return begin(std::move(*sweep), submission);
    if (sweep) {
      line = submission.label +
             " does not go on: this espalier makes other trials or stages of its YAML than the one that took it; "
             "submit it again";
      write(submission.sweep, submission, false);
    } else {
      waiting_.push_back(submission);
    }
    store_.apply({SweepChanged{submission.sweep, "stopped", utc_seconds()}});
    return std::nullopt;
  }

  void on_changed(const ChangedSweep& sweep) {
    Submission& known = taken_.at(sweep.id);
    known.priority = sweep.priority;
    known.paused = sweep.paused;
    write(sweep.id, known, true);
  }

  void on_ended(const EndedSweep& sweep) {
    const Submission& known = taken_.at(sweep.id);
    const bool failed = sweep.how == SweepEnd::too_many_failures || sweep.status.trials_failed > 0;
    book_.end(sweep.id,
              sweep.how == SweepEnd::cancelled ? "cancelled"
              : failed                         ? "failed"
                                               : "finished",
              {change(sweep.id, known, false)});
    if (sweep.how == SweepEnd::finished) book_.record_overlaps(sweep.id, known.label);
  }

  /// The coordinator stops; the next one resumes them.
  void pause_all(const std::vector<Workload::Sweep>& sweeps) {
    for (const Workload::Sweep& sweep : sweeps) {
      if (!sweep.end) book_.end(sweep.id, "stopped");
    }
  }

 private:
  std::optional<LoadedSweep> load_again(const Submission& submission, const StoreConfig& config, std::string& line) {
    const std::filesystem::path folder = submission.folder;
    std::string lack;
    std::error_code ignored;
    if (!folder.empty() && !std::filesystem::is_directory(folder, ignored))  // which matters only to relative paths
      lack = "; the folder that it was submitted from is not there: " + folder.string();
    try {
      return load_sweep_text(submission.yaml, submission.label, submission.overrides, submission.data, config, folder);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::internal) throw;
      line = fmt::format(
          "{} cannot go on now: {}{}\nthe next serve on this store tries it again; a sweep that is submitted "
          "under its name takes its place",
          submission.label, error.what(), lack);
      return std::nullopt;
    }
  }

  /// Sweeps that could not be resumed and were replaced by another of their name.
  void close_waiting(const std::string& name, SweepId by) {
    for (const Submission& submission : waiting_) {
      if (submission.label == name && submission.sweep != by) write(submission.sweep, submission, false);
    }
    std::erase_if(waiting_, [&](const Submission& submission) { return submission.label == name; });
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
  static SweepSubmitted change(SweepId id, const Submission& known, bool open) {
    return {id, known.at, known.data, known.program, known.catalog, known.priority, known.paused, open, known.folder};
  }
  void write(SweepId id, const Submission& known, bool open) { store_.apply({change(id, known, open)}); }

  Store& store_;
  SweepJournal& book_;
  const std::string program_, catalog_;
  std::map<SweepId, Submission> taken_;
  std::vector<Submission> waiting_;  ///< open, and could not be resumed
};

}  // namespace

Coordinator::Ending serve_sweeps(const RunSettings& settings, ProgressLine& progress,
                                 const std::function<void(int port)>& on_ready) {
  refuse_second_coordinator({settings.store});
  Store store(settings.store, {.allow_network_filesystem = settings.allow_network_filesystem});
  log_to_file(store.paths().logs() / "coordinator.log", "coordinator");
  const StoreConfig config = load_store_config(store.paths());
  SweepJournal book(store);
  Core core({store.generation(), true});
  Submissions submissions(store, book);
  CoordinatorOptions options;
  for (const Submission& submission : store.open_submissions()) {
    std::string line;
    if (auto sweep = submissions.take_up(submission, config, line)) {
      progress.notify_user("going on with " + sweep->name);
      options.data.push_back(sweep->data);
      core.add_sweep(std::move(*sweep), utc_seconds());
    } else {
      progress.notify_user(line);
    }
  }
  options.host = settings.host;
  options.port = settings.port;
  options.stays = true;
  if (settings.workers != 0) options.local_pools = {local_pool_settings(settings, store.paths())};
  options.pool_starts = settings.pool_starts;
  options.start_limit_s = settings.start_limit_s;
  options.open = take_up_attempts(store, core);
  options.given_up = store.lost_attempts(Core::kMostGivenUp);
  options.on_results = [&book] { book.refresh_comparison(); };
  options.on_submit = [&submissions](const std::string& arguments, const std::stop_token& stop) {
    return submissions.read(arguments, stop);
  };
  options.on_sweep_changed = [&submissions](const ChangedSweep& sweep) { submissions.on_changed(sweep); };
  options.on_sweep_ended = [&submissions](const EndedSweep& sweep) { submissions.on_ended(sweep); };
  Coordinator coordinator(store, core, std::move(options), progress);
  on_ready(coordinator.port());
  const Coordinator::Ending ending = coordinator.run();
  submissions.pause_all(core.sweeps());
  return ending;
}

}  // namespace espalier
