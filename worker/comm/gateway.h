#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "cluster/connection/coordinator_address.h"
#include "worker/comm/mailbox.h"
#include "worker/files/cache_folder.h"
#include "worker/files/rank_files.h"
#include "worker/jobs/run_job.h"

namespace espalier {

struct GatewayOptions {
  CoordinatorSource coordinator;
  std::filesystem::path spool;      ///< folder
  std::string identity;             ///< of the pool, secret; "": it makes one
  std::string label;                ///< the pool's label; "" for HOST-PID
  std::chrono::seconds patience;    ///< timeout of running without a coordinator
  std::chrono::seconds idle_limit;  ///< leave after so long without a job, since it first joined; 0: never
  std::filesystem::path logs;       ///< where its ranks' crash notes lie
  std::string note_label;           ///< prefix of their names
  std::filesystem::path left_note;  ///< file for the cause for which the pool left, if it did; "": none
  std::vector<std::string> labels;  ///< that jobs may require
};

/// Rank 0: joins the coordinator for the whole pool, forwards bytes between it and the ranks, and computes like any
/// other rank. When the connection breaks, or the coordinator dies, the ranks go on; their reports are kept (and
/// written to the spool) until it has reconnected. Returns when the pool has left: it was dismissed, got a signal, or
/// `patience` ran out; running jobs have then written their checkpoints. Errors: ErrorKind::unavailable if the
/// coordinator cannot be reached at first; ErrorKind::invalid_input if it refuses us.
void run_gateway(Mailbox& mailbox, const WorkerSettings& settings, const GatewayOptions& options, RankFiles& files,
                 CacheFolder& cache);

}  // namespace espalier
