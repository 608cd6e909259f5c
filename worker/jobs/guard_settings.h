#pragma once

#include <chrono>

namespace espalier {

/// When a rank is no longer waited for. Seconds; 0 switches a limit off.
struct GuardSettings {
  using Seconds = std::chrono::duration<double>;
  Seconds hang_limit{120};   ///< the least time without progress that counts as a hang (hang_watch.h)
  Seconds rank_silence{30};  ///< the gateway gives up a rank whose main thread says nothing for so long
  Seconds time_limit{0};     ///< the pool's own, from `started`: by then it has left
  Seconds grace{30};         ///< a pool that leaves waits so long for its ranks' steps to end; 0 does not wait
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();  ///< of this process
};

}  // namespace espalier
