#pragma once

#include <chrono>

#include "worker/comm/mailbox.h"
#include "worker/files/cache_folder.h"
#include "worker/files/rank_files.h"
#include "worker/jobs/run_job.h"

namespace espalier {

/// A rank that is not the gateway: receives commands and sends reports until it is dismissed. Returns when every report
/// is sent and the gateway was notified.
void run_member(Mailbox& mailbox, const WorkerSettings& settings, RankFiles& files, CacheFolder& cache);

/// Set by SIGTERM and SIGUSR1 (call once, before threads start): checkpoint and leave. Idempotent when signals repeat.
void install_leave_signals();
bool leave_was_signalled();

/// How long to sleep while a gang's sums are under way: its compute threads wait for them.
inline constexpr std::chrono::microseconds kGangPause{10};

/// How long to sleep while idle: short after traffic, up to a millisecond without. A rank that blocks in MPI_Recv uses
/// a whole core; this one uses a few percent, and answers within two milliseconds.
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
