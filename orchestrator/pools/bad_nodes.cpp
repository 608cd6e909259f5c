#include "orchestrator/pools/bad_nodes.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "experiments/spec/failure_policy.h"
#include "experiments/stages/loss_cause.h"

namespace espalier {
namespace {

constexpr double kRememberedSeconds = 3600;

}  // namespace

std::vector<std::string> bad_hosts(const std::vector<ChargedFailureRow>& failures,
                                   const std::map<std::string, std::int64_t>& finished, double now) {
  std::map<std::string, std::set<std::int64_t>> crashed;
  std::map<std::string, std::int64_t> crashes;
  for (const ChargedFailureRow& failure : failures) {
    const bool counts = failure.failed_at >= now - kRememberedSeconds && failure.state == "done" &&
                        !failure.host.empty() && budget_of(parse_loss_cause(failure.cause)) == Budget::crash;
    if (!counts) continue;
    crashed[failure.host].insert(failure.stage);
    ++crashes[failure.host];
  }
  std::vector<std::string> bad;
  for (const auto& [host, stages] : crashed) {
    const auto work = finished.find(host);
    const std::int64_t jobs = work == finished.end() ? 0 : work->second;
    if (static_cast<std::int64_t>(stages.size()) >= FailurePolicy().node_crashes && jobs < crashes[host])
      bad.push_back(host);
  }
  return bad;
}

std::vector<std::string> find_bad_hosts(const StoreReader& store, double now) {
  std::vector<ChargedFailureRow> failures;
  for (const SweepRow& sweep : store.sweeps())
    std::ranges::copy(store.charged_failures(sweep.label), std::back_inserter(failures));
  return bad_hosts(failures, store.jobs_finished_by_host(now - kRememberedSeconds), now);
}

}  // namespace espalier
