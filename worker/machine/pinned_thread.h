#pragma once

#include <sched.h>

namespace espalier {

/// Keeps the calling thread, and threads that it starts meanwhile, on the last `processors` of those that it may use,
/// until it is destroyed, on the same thread. Does nothing where the system refuses.
class PinnedThread {
 public:
  explicit PinnedThread(int processors);
  ~PinnedThread();
  PinnedThread(const PinnedThread&) = delete;
  PinnedThread& operator=(const PinnedThread&) = delete;

 private:
  cpu_set_t before_{};
  bool pinned_ = false;
};

}  // namespace espalier
