#include "worker/machine/pinned_thread.h"

namespace espalier {

PinnedThread::PinnedThread(int processors) {
  if (::sched_getaffinity(0, sizeof before_, &before_) != 0) return;
  cpu_set_t chosen;
  CPU_ZERO(&chosen);
  for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && processors > 0; --cpu) {
    if (!CPU_ISSET(cpu, &before_)) continue;
    CPU_SET(cpu, &chosen);
    --processors;
  }
  pinned_ = ::sched_setaffinity(0, sizeof chosen, &chosen) == 0;
}

PinnedThread::~PinnedThread() {
  if (pinned_) ::sched_setaffinity(0, sizeof before_, &before_);
}

}  // namespace espalier
