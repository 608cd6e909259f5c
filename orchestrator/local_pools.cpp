#include "orchestrator/local_pools.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"

namespace espalier {
namespace {

constexpr int kFruitlessStarts = 3;
constexpr int kFruitlessStartsOnceJoined = 8;

std::string last_lines(const std::filesystem::path& log) {
  std::ifstream in(log, std::ios::binary | std::ios::ate);
  if (!in) return "";
  constexpr std::streamoff kMost = 2000;
  const std::streamoff size = in.tellg();
  in.seekg(std::max<std::streamoff>(0, size - kMost));
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

LocalPools::LocalPools(std::vector<LocalPool> pools) {
  for (LocalPool& pool : pools) {
    const std::string label = pool.name;
    processes_[label].pool = std::move(pool);
  }
}

void LocalPools::start() {
  for (auto& [label, running] : processes_) {
    if (!running.process) running.process = std::make_unique<LocalPoolProcess>(running.pool);
  }
}

std::optional<std::string> LocalPools::end_of(const std::string& label) {
  const auto found = processes_.find(label);
  if (found == processes_.end() || !found->second.process) return std::nullopt;
  if (found->second.last_end) return std::exchange(found->second.last_end, std::nullopt);
  return found->second.process->poll_end();
}

void LocalPools::on_joined(const std::string& label) {
  const auto found = processes_.find(label);
  if (found == processes_.end()) return;
  found->second.joined = true;
  found->second.last_end.reset();
}

std::vector<std::string> LocalPools::restart_ended(std::int64_t settled) {
  std::vector<std::string> lines;
  for (auto& [label, running] : processes_) {
    const auto end = running.process ? running.process->poll_end() : std::nullopt;
    if (!end) continue;
    if (settled > running.settled_at_start) {
      running.fruitless = 0;
      running.joined = false;
    } else {
      ++running.fruitless;
    }
    if (running.fruitless >= (running.joined ? kFruitlessStartsOnceJoined : kFruitlessStarts)) {
      throw Error(ErrorKind::unavailable,
                  fmt::format("pool {} {} {} times in a row without getting anything done; the end of its log {}:\n{}",
                              label, *end, running.fruitless, running.pool.log.string(), last_lines(running.pool.log)));
    }
    lines.push_back(fmt::format("pool {} {}; starting it again (its log: {})", label, *end, running.pool.log.string()));
    running.settled_at_start = settled;
    running.last_end = end;
    running.process = std::make_unique<LocalPoolProcess>(running.pool);
  }
  return lines;
}

bool LocalPools::any_running() {
  return std::any_of(processes_.begin(), processes_.end(),
                     [](auto& entry) { return entry.second.process && !entry.second.process->poll_end(); });
}

void LocalPools::kill() {
  for (auto& [label, running] : processes_) {
    if (running.process) running.process->kill();
  }
}

}  // namespace espalier
