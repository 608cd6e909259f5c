#include "orchestrator/open_attempts.h"

#include <algorithm>

#include "base/clock.h"
#include "orchestrator/core.h"

namespace espalier {

std::vector<OpenAttempt> take_up_attempts(Store& store, const Core& core) {
  std::vector<OpenAttempt> ours;
  std::vector<StoreChange> ended;
  for (OpenAttempt& attempt : store.open_attempts()) {
    if (std::all_of(attempt.stages.begin(), attempt.stages.end(),
                    [&](const StageKey& key) { return core.find(key).has_value(); })) {
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
