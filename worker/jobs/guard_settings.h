#pragma once

#include <chrono>

namespace espalier {

/// Timeouts after which a rank is considered dead, and a pool's own limits. Seconds; 0: no limit.
struct GuardSettings {
  using Seconds = std::chrono::duration<double>;
  Seconds hang_limit{120};   ///< the least time without progress that counts as a hang (hang_watch.h)
  Seconds rank_silence{30};  ///< heartbeat timeout after which the gateway gives up a rank
  Seconds time_limit{0};     ///< of the pool, from `started`: it leaves before then
  Seconds grace{30};         ///< a leaving pool waits so long for its ranks' steps to end; 0: as long as they take
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();  ///< of this process
};

}  // namespace espalier
