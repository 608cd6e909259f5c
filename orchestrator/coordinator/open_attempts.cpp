#include "orchestrator/coordinator/open_attempts.h"

#include <algorithm>

#include "base/clock.h"
#include "orchestrator/scheduler/core.h"

namespace espalier {

std::vector<OpenAttempt> take_up_attempts(Store& store, const Core& core) {
  std::vector<OpenAttempt> ours;
  std::vector<StoreChange> ended;
  const auto known = [&](const StageKey& key) { return core.find(key).has_value(); };
  const auto done = [&](const StageKey& key) { return core.is_done(key); };
  for (OpenAttempt& attempt : store.open_attempts()) {
    if (!core.finished() && std::ranges::all_of(attempt.stages, known)) {
      ours.push_back(std::move(attempt));
    } else if (std::ranges::all_of(attempt.stages, done)) {
      ended.emplace_back(AttemptEnded{attempt.attempt, "finished", "", utc_seconds(), std::nullopt});
    } else {
      ended.emplace_back(AttemptEnded{attempt.attempt, "lost", "its coordinator stopped without a word", utc_seconds(),
                                      LossCause::coordinator_lost});
    }
  }
  store.apply(ended);
  return ours;
}

}  // namespace espalier
