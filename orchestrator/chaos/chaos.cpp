// Child processes, one after the other: `espalier run` undisturbed, and `espalier run` with injected faults.
// Faults are injected from outside, with signals to the processes of that store and one message to its
// coordinator, so that what is tested is what people run.
#include "orchestrator/chaos/chaos.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "cluster/launch/child_process.h"
#include "db/read/store_reader.h"
#include "db/rows/rows_json.h"
#include "experiments/paths/store_paths.h"
#include "orchestrator/chaos/store_processes.h"
#include "orchestrator/client/client.h"
#include "orchestrator/pools/pool_evidence.h"

namespace espalier {
namespace {

using Clock = std::chrono::steady_clock;

/// A sweep that runs as a child.
class SweepRun {
 public:
  SweepRun(const ChaosOptions& options, std::filesystem::path store) : options_(options), paths_{std::move(store)} {}

  void start() {
    std::vector<std::string> command{options_.program.string(), "run"};
    command.insert(command.end(), options_.run.begin(), options_.run.end());
    command.insert(command.end(), {"--store", paths_.root.string(), "--quiet"});
    child_ = std::make_unique<ChildProcess>(std::move(command), log());
  }
  std::optional<ProcessEnd> poll_end() { return child_->poll_end(); }
  void kill() { child_->signal(SIGKILL); }
  const StorePaths& paths() const { return paths_; }
  std::filesystem::path log() const { return paths_.root.string() + ".log"; }

  /// Errors: what the child said, if it ended otherwise than well.
  static void check(const ProcessEnd& end, const std::filesystem::path& log) {
    if (end.exit_code == 0) return;
    throw Error(end.exit_code == 2 ? ErrorKind::invalid_input : ErrorKind::unavailable,
                "the sweep " + end.text + "; the end of " + log.string() + ":\n" + last_lines(log, 2000));
  }

 private:
  const ChaosOptions& options_;
  const StorePaths paths_;
  std::unique_ptr<ChildProcess> child_;
};

class FaultInjector {
 public:
  FaultInjector(const ChaosOptions& options, int round, SweepRun& run, ChaosReport& report,
                const std::function<void(const std::string&)>& say)
      : options_(options),
        run_(run),
        report_(report),
        say_(say),
        random_(options.seed, "chaos", static_cast<std::uint64_t>(round)) {}

  /// Draws for every kind, whether or not it can strike: the same seed draws the same faults.
  void beat() {
    for (std::size_t kind = 0; kind < kFaults; ++kind) {
      const double drawn = random_.uniform();
      const std::uint64_t choice = random_.next_u64();
      if (drawn >= options_.chance[kind] || report_.faults() >= options_.most) continue;
      const std::string what = inject(static_cast<Fault>(kind), choice);
      if (what.empty()) continue;
      ++report_.injected[kind];
      say_(fmt::format("{:3}. {}: {}", report_.faults(), to_string(static_cast<Fault>(kind)), what));
    }
  }

 private:
  /// What it did; "" if there was nothing to do it to.
  std::string inject(Fault fault, std::uint64_t choice) {
    const StoreProcesses processes = find_store_processes(run_.paths());
    const auto any = [&](const std::vector<pid_t>& pids) { return pids[choice % pids.size()]; };
    switch (fault) {
      case Fault::kill_rank:
        return processes.ranks.empty() ? "" : send(any(processes.ranks), SIGKILL, "rank");
      case Fault::kill_pool:
        return processes.launchers.empty() ? "" : send(any(processes.launchers), SIGKILL, "mpirun");
      case Fault::kill_coordinator:
        run_.kill();
        return "killed; the same command starts again";
      case Fault::drop_connection:
        return drop();
      case Fault::preempt:
        return processes.ranks.empty() || processes.launchers.empty() ? "" : preempt(processes, choice);
    }
    return "";
  }

  std::string drop() {
    try {
      ask_coordinator(CoordinatorSource::in_store(run_.paths().root), "drop_pools");
      return "the connections of all pools";
    } catch (const Error&) {
      return "";  // no coordinator at this moment
    }
  }

  std::string preempt(const StoreProcesses& processes, std::uint64_t choice) {
    const pid_t rank = processes.ranks[(choice >> 2) % processes.ranks.size()];
    const pid_t launcher = processes.launchers[(choice >> 2) % processes.launchers.size()];
    switch (choice % 4) {
      case 0:
        return send(rank, SIGUSR1, "rank");
      case 1:
        return send(rank, SIGTERM, "rank");
      case 2:
        return send(launcher, SIGUSR1, "mpirun");
      default:
        return send(launcher, SIGTERM, "mpirun");
    }
  }

  static std::string send(pid_t pid, int number, const char* target) {
    if (::kill(pid, number) != 0) return "";
    return fmt::format("{} {} got {}", target, pid, ::sigabbrev_np(number));
  }

  const ChaosOptions& options_;
  SweepRun& run_;
  ChaosReport& report_;
  const std::function<void(const std::string&)>& say_;
  RandomStream random_;
};

void run_in_peace(const ChaosOptions& options, SweepRun& run) {
  const auto began = Clock::now();
  run.start();
  while (true) {
    if (const auto end = run.poll_end()) return SweepRun::check(*end, run.log());
    if (seconds_since(began) > options.limit_s)
      throw Error(ErrorKind::unavailable, fmt::format("the undisturbed run did not end within {} s", options.limit_s));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void run_under_faults(const ChaosOptions& options, int round, SweepRun& run, ChaosReport& report,
                      const std::function<void(const std::string&)>& say) {
  const auto began = Clock::now();
  FaultInjector injector(options, round, run, report, say);
  const std::chrono::duration<double> beat(options.beat_s);
  while (true) {
    run.start();
    ++report.starts;
    std::optional<ProcessEnd> end;
    while (!(end = run.poll_end())) {
      if (seconds_since(began) > options.limit_s)
        throw Error(ErrorKind::unavailable, fmt::format("the disturbed run did not end within {} s; see {}",
                                                        options.limit_s, run.log().string()));
      std::this_thread::sleep_for(beat);
      injector.beat();
    }
    if (end->signal == SIGKILL) continue;  // that was us
    return SweepRun::check(*end, run.log());
  }
}

/// The rows of a store's results without what may differ between runs, by trial.
std::vector<std::pair<std::string, std::string>> comparable_results(const std::filesystem::path& store) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (ResultRow& row : StoreReader(store).results()) {
    row.wall_s = 0;
    row.latency_ms = row.speedup = row.speedup_low = row.speedup_high = std::nullopt;
    rows.emplace_back(row.trial_key, nlohmann::ordered_json(row).dump());
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

void compare(const std::filesystem::path& undisturbed, const std::filesystem::path& disturbed, ChaosReport& report) {
  const auto expected = comparable_results(undisturbed);
  const auto found = comparable_results(disturbed);
  report.trials = static_cast<std::int64_t>(expected.size());
  std::set<std::string> seen;
  for (const auto& [trial, row] : found) {
    if (!seen.insert(trial).second) report.violations.push_back("trial " + trial + " has two results");
    const auto same = std::lower_bound(expected.begin(), expected.end(), std::pair(trial, std::string()));
    if (same == expected.end() || same->first != trial) {
      report.violations.push_back("trial " + trial + " has a result only in the disturbed run");
    } else if (same->second != row) {
      report.violations.push_back("trial " + trial + " differs:\n  " + same->second + "\n  " + row);
    }
  }
  for (const auto& [trial, row] : expected) {
    if (seen.count(trial) == 0) report.violations.push_back("trial " + trial + " has no result in the disturbed run");
  }
  for (const SweepRow& sweep : StoreReader(disturbed).sweeps()) {
    if (sweep.running_attempts != 0)
      report.violations.push_back(fmt::format("{} attempts of {} never ended", sweep.running_attempts, sweep.label));
  }
}

}  // namespace

std::string_view to_string(Fault fault) {
  constexpr std::array<std::string_view, kFaults> kNames{"kill-rank", "kill-pool", "kill-coordinator",
                                                         "drop-connection", "preempt"};
  return kNames[static_cast<std::size_t>(fault)];
}

std::int64_t ChaosReport::faults() const {
  return std::accumulate(injected.begin(), injected.end(), std::int64_t{0});
}

ChaosReport run_chaos(const ChaosOptions& options, const std::function<void(const std::string&)>& say) {
  const bool any = std::any_of(options.chance.begin(), options.chance.end(), [](double chance) { return chance > 0; });
  if (options.least > 0 && (!any || options.least > options.most))
    throw Error(ErrorKind::invalid_input, "--at-least: so many faults can never strike; raise --faults, or a chance");
  std::filesystem::create_directories(options.folder);
  ChaosReport report;
  SweepRun peace(options, options.folder / "undisturbed");
  say("running the sweep undisturbed");
  run_in_peace(options, peace);
  for (int round = 1; round == 1 || report.faults() < options.least; ++round) {
    say("running it again under faults");
    SweepRun war(options, options.folder / fmt::format("disturbed-{}", round));
    run_under_faults(options, round, war, report, say);
    compare(peace.paths().root, war.paths().root, report);
    if (!report.violations.empty()) break;
  }
  return report;
}

}  // namespace espalier
