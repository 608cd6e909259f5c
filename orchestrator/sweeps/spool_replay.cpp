#include "orchestrator/sweeps/spool_replay.h"

#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "cluster/files/spool.h"
#include "db/sqlite/refused_change.h"

namespace espalier {
namespace {

/// What the store has no stage for, or does not take, costs none of the others.
void record(Store& store, const SpoolEntry& entry) {
  const SpooledReports& spooled = entry.reports;
  EnvironmentId environment = 0;
  for (RankReport& report : decode_reports(spooled.frame.reports)) {
    StageReached* reached = std::get_if<StageReached>(&report);
    // What became of a failed attempt is for the core to decide: the stage runs again.
    if (reached == nullptr || reached->outcome.failure) continue;
    try {
      if (environment == 0 && !spooled.environment.empty()) environment = store.record_environment(spooled.environment);
      store.apply({StageFinished{std::move(reached->outcome), environment, utc_seconds()}});
    } catch (const RefusedChange& error) {
      spdlog::warn("{}: {}", entry.file.string(), error.what());
    }
  }
}

}  // namespace

void replay_spool(Store& store) {
  for (const SpoolEntry& entry : read_spool(store.paths().spool())) {
    record(store, entry);
    std::error_code ignored;
    std::filesystem::remove(entry.file, ignored);
  }
}

}  // namespace espalier
