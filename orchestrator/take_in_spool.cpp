#include "orchestrator/take_in_spool.h"

#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cluster/spool.h"

namespace espalier {
namespace {

void record(Store& store, const SpooledReports& spooled) {
  EnvironmentId environment = 0;
  for (RankReport& report : decode_reports(spooled.frame.reports)) {
    StageReached* reached = std::get_if<StageReached>(&report);
    // What became of a failed attempt is for the core to decide: the stage runs again.
    if (reached == nullptr || reached->outcome.failure) continue;
    if (environment == 0 && !spooled.environment.empty()) environment = store.record_environment(spooled.environment);
    store.apply({StageFinished{std::move(reached->outcome), environment, utc_seconds()}});
  }
}

}  // namespace

void take_in_spool(Store& store) {
  for (const SpoolEntry& entry : read_spool(store.paths().spool())) {
    try {
      record(store, entry.reports);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::internal && error.kind() != ErrorKind::invalid_input) throw;
      spdlog::warn("{}: {}", entry.file.string(), error.what());  // of a sweep that this store does not have
    }
    std::error_code ignored;
    std::filesystem::remove(entry.file, ignored);
  }
}

}  // namespace espalier
