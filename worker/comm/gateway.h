#pragma once

#include <filesystem>
#include <string>

#include "worker/comm/mailbox.h"
#include "worker/run_job.h"

namespace espalier {

struct GatewayOptions {
  std::filesystem::path connection_file;
  std::filesystem::path secret_file;
  std::string label;           ///< what started the pool calls it
  std::filesystem::path logs;  ///< where its ranks' crash notes lie
  std::string note_label;      ///< what their names begin with
};

/// Rank 0: joins the coordinator for the whole pool, forwards bytes between it and the ranks, and computes like any
/// other rank. Returns when the pool has left: it was told to, a signal asked for it, or the coordinator is gone;
/// running jobs have then written their checkpoints. Errors: ErrorKind::unavailable if the coordinator cannot be
/// reached or refuses us.
void run_gateway(Mailbox& mailbox, const WorkerSettings& settings, const GatewayOptions& options);

}  // namespace espalier
