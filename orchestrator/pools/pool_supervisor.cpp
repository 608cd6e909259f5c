#include "orchestrator/pools/pool_supervisor.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"

namespace espalier {
namespace {

constexpr int kMostFailedStarts = 3;
constexpr int kMostFailedStartsOnceJoined = 8;
constexpr double kLongestRestartSeconds = 60;
constexpr double kLongestCountedSeconds = 1;

/// Backoff before the next start, after so many without progress: none at first, then 1, 2, 4, ... seconds.
double restart_pause_seconds(int failed_starts) {
  return failed_starts == 0 ? 0 : std::min(kLongestRestartSeconds, std::exp2(failed_starts - 1));
}

}  // namespace

PoolSupervisor::PoolSupervisor(std::vector<LocalPool> pools, int most_starts, double start_limit_seconds)
    : most_starts_(most_starts), start_limit_s_(start_limit_seconds) {
  for (LocalPool& pool : pools) {
    const std::string label = pool.name;
    processes_[label].pool = std::move(pool);
  }
}

void PoolSupervisor::start(Running& running) {
  running.evidence.emplace(running.pool.log.parent_path(), running.pool.name, running.pool.ranks);
  running.process = std::make_unique<LocalPoolProcess>(running.pool);
  running.restart_at = 0;
  running.here = false;
  running.hung = false;
  running.waited_s = 0;
}

std::vector<std::string> PoolSupervisor::start() {
  std::vector<std::string> lines;
  for (auto& [label, running] : processes_) {
    if (running.process) continue;
    start(running);
    if (!running.process->taken_over()) continue;
    lines.push_back(
        fmt::format("pool {} (pid {}) still runs from before: it goes on, and keeps its own --workers and "
                    "--device",
                    label, running.process->pid()));
  }
  return lines;
}

bool PoolSupervisor::is(const std::string& label, const std::string& identity) const {
  const auto found = processes_.find(label);
  try {
    return found != processes_.end() && read_pool_identity(found->second.pool.identity) == identity;
  } catch (const Error&) {
    return false;  // such as one taken over from a version without this file
  }
}

bool PoolSupervisor::was_taken_over(const std::string& label) const {
  const auto found = processes_.find(label);
  return found != processes_.end() && found->second.process && found->second.process->taken_over();
}

std::optional<PoolEnd> PoolSupervisor::end_of(const std::string& label) {
  const auto found = processes_.find(label);
  if (found == processes_.end() || !found->second.process) return std::nullopt;
  if (found->second.end) return std::exchange(found->second.end, std::nullopt);
  if (const auto end = found->second.process->poll_end()) return found->second.evidence->gather(*end);
  return std::nullopt;
}

void PoolSupervisor::on_joined(const std::string& label) {
  const auto found = processes_.find(label);
  if (found == processes_.end()) return;
  found->second.joined = true;
  found->second.here = true;
  found->second.end.reset();
}

void PoolSupervisor::check_for_hang(const std::string& label, Running& running, double passed,
                                    std::vector<std::string>& lines) const {
  if (running.here || running.hung || start_limit_s_ <= 0) return;
  running.waited_s += passed;
  if (running.waited_s < start_limit_s_) return;
  running.hung = true;
  running.process->kill();
  lines.push_back(
      fmt::format("pool {} has not joined within {:.3g} s of its start: it hangs, and is killed (its log: {}; "
                  "--start-limit says how long it may take)",
                  label, start_limit_s_, running.pool.log.string()));
}

std::vector<std::string> PoolSupervisor::restart_ended(std::int64_t activity, double now) {
  std::vector<std::string> lines;
  const double passed = std::clamp(now - std::exchange(checked_at_, now).value_or(now), 0.0, kLongestCountedSeconds);
  for (auto& [label, running] : processes_) {
    if (!running.process) continue;
    auto end = running.process->poll_end();
    if (!end) {
      check_for_hang(label, running, passed, lines);
      continue;
    }
    if (running.hung) end->text = fmt::format("did not join within {:.3g} s", start_limit_s_);
    if (running.restart_at == 0) lines.push_back(note_end(label, running, *end, activity, now));
    if (now < running.restart_at) continue;
    running.end = running.evidence->gather(*end);
    running.activity_at_start = activity;
    start(running);
  }
  return lines;
}

std::string PoolSupervisor::note_end(const std::string& label, Running& running, const ProcessEnd& end,
                                     std::int64_t activity, double now) {
  if (activity > running.activity_at_start) {
    running.failed_starts = 0;
    running.joined = false;
  } else {
    ++running.failed_starts;
  }
  const int usual = running.joined ? kMostFailedStartsOnceJoined : kMostFailedStarts;
  if (running.failed_starts >= (most_starts_ > 0 ? most_starts_ : usual)) {
    throw Error(
        ErrorKind::unavailable,
        fmt::format("pool {} {} {} times in a row without getting anything done; the end of its log {}:\n{}", label,
                    end.text, running.failed_starts, running.pool.log.string(), last_lines(running.pool.log, 2000)));
  }
  const double pause = restart_pause_seconds(running.failed_starts);
  running.restart_at = now + pause;
  return fmt::format("pool {} {}; starting it again{} (its log: {})", label, end.text,
                     pause > 0 ? fmt::format(" in {:.0f} s", pause) : "", running.pool.log.string());
}

bool PoolSupervisor::any_running() {
  return std::any_of(processes_.begin(), processes_.end(),
                     [](auto& entry) { return entry.second.process && !entry.second.process->poll_end(); });
}

void PoolSupervisor::kill() {
  for (auto& [label, running] : processes_) {
    if (running.process) running.process->kill();
  }
}

void PoolSupervisor::kill_unjoined() {
  for (auto& [label, running] : processes_) {
    if (running.process && !running.here && !running.process->taken_over()) running.process->kill();
  }
}

void PoolSupervisor::kill(const std::string& label) {
  const auto found = processes_.find(label);
  if (found != processes_.end() && found->second.process) found->second.process->kill();
}

}  // namespace espalier
