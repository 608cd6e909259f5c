#pragma once

#include <chrono>

#include "worker/comm/mailbox.h"
#include "worker/files/cache_folder.h"
#include "worker/files/rank_files.h"
#include "worker/jobs/run_job.h"

namespace espalier {

/// A rank that is not the gateway: passes commands in and reports out until it is told to leave. Returns when every
/// report is out and the gateway knows it.
void run_member(Mailbox& mailbox, const WorkerSettings& settings, RankFiles& files, CacheFolder& cache);

/// Set by SIGTERM and SIGUSR1 (call once, before threads start): checkpoint and leave. Idempotent when signals repeat.
void install_leave_signals();
bool leave_was_signalled();

/// How long to sleep while a gang's sums are under way: its compute threads wait for them.
inline constexpr std::chrono::microseconds kGangPause{10};

/// How long to sleep while nothing happens: short after traffic, up to a millisecond in silence. A rank that waits in
/// MPI_Recv burns its core; this one costs a few percent, and answers within two milliseconds.
class Backoff {
 public:
  void on_traffic() { microseconds_ = kShortest; }
  int next() {
    const int now = microseconds_;
    microseconds_ = microseconds_ * 2 > kLongest ? kLongest : microseconds_ * 2;
    return now;
  }

 private:
  static constexpr int kShortest = 20;
  static constexpr int kLongest = 1000;
  int microseconds_ = kShortest;
};

}  // namespace espalier
