#include "orchestrator/open_attempts.h"

#include <algorithm>
#include <unordered_set>

#include "base/clock.h"

namespace espalier {

std::vector<OpenAttempt> attempts_of_sweep(Store& store, const StageGraph& graph) {
  std::unordered_set<StageKey> known;
  for (const Stage& stage : graph.stages) known.insert(stage.key);
  std::vector<OpenAttempt> ours;
  std::vector<StoreChange> ended;
  for (OpenAttempt& attempt : store.open_attempts()) {
    if (std::all_of(attempt.stages.begin(), attempt.stages.end(),
                    [&](const StageKey& key) { return known.count(key) != 0; })) {
      ours.push_back(std::move(attempt));
    } else {
      ended.emplace_back(AttemptEnded{attempt.attempt, "lost", "its coordinator stopped without a word", utc_seconds(),
                                      LossCause::coordinator_lost});
    }
  }
  store.apply(ended);
  return ours;
}

}  // namespace espalier
