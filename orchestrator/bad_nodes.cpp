#include "orchestrator/bad_nodes.h"

#include <iterator>
#include <set>

#include "experiments/failure_policy.h"
#include "experiments/loss_cause.h"
#include "orchestrator/node_health.h"

namespace espalier {
namespace {

constexpr double kRememberedSeconds = 3600;

}  // namespace

std::vector<std::string> bad_hosts(const std::vector<ChargedFailureRow>& failures, const std::vector<HostWorkRow>& work,
                                   double now) {
  NodeHealth health(FailurePolicy().node_crashes);
  for (const HostWorkRow& row : work) {
    for (std::int64_t done = 0; done < row.in_sweep; ++done) health.on_finished(row.host);
  }
  std::set<std::string> bad;
  for (const ChargedFailureRow& failure : failures) {
    if (failure.failed_at < now - kRememberedSeconds) continue;
    if (budget_of(parse_loss_cause(failure.cause)) != Budget::crash) continue;
    if (health.on_crash(failure.host, static_cast<StageIndex>(failure.stage), failure.failed_at))
      bad.insert(failure.host);
  }
  return {bad.begin(), bad.end()};
}

std::vector<std::string> find_bad_hosts(const StoreReader& store, double now) {
  std::vector<ChargedFailureRow> failures;
  std::vector<HostWorkRow> work;
  for (const SweepRow& sweep : store.sweeps()) {
    std::ranges::copy(store.charged_failures(sweep.label), std::back_inserter(failures));
    std::ranges::copy(store.work_by_host(sweep.label), std::back_inserter(work));
  }
  return bad_hosts(failures, work, now);
}

}  // namespace espalier
