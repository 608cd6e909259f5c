#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "cluster/launch/batch_request.h"
#include "cluster/launch/slurm.h"

namespace espalier {

/// The options of `espalier pool slurm` and `espalier pool pbs`. They override the profile.
struct PoolRequest {
  Scheduler scheduler = Scheduler::slurm;
  std::string profile;  ///< a name or a file; "" for none
  std::filesystem::path store;
  std::string data;  ///< "" for the default
  std::string name;  ///< "" for the scheduler's
  std::string time;  ///< as Slurm writes it; "" for the profile's
  std::optional<std::string> partition, account, qos, constraint, launcher, worker;
  std::optional<std::int64_t> nodes, ranks_per_node, gpus_per_node, margin_s;
  std::vector<std::string> labels;  ///< empty for the profile's
  bool requeue = false;
  std::string device = "auto";
  std::int64_t checkpoint_s = 10;
  bool autoscaled = false;             ///< started as there is work
  std::optional<std::int64_t> idle_s;  ///< none: only autoscaled ones leave when they have nothing to do
  std::optional<double> memory_gb;
};

/// Merges profile and options, with every default filled in. Checks that the store is one, and that the requested
/// resources fit a node. Errors: ErrorKind::invalid_input with what to fix; ErrorKind::unavailable without
/// espalier-worker.
BatchRequest make_batch_request(const PoolRequest& request);

/// Why pools that start now would find no coordinator, or could not reach it; "" if they would.
std::string coordinator_trouble(const std::filesystem::path& store);

/// Writes the script to STORE/pools (mode 0600) and returns its path. Errors: those of batch_script and of writing.
std::filesystem::path write_batch_script(const BatchRequest& batch);

/// Excludes from the batch the nodes of that cluster on which the store's jobs crash; prints those that the batch did
/// not exclude already. Errors: those of Slurm and of the store.
void leave_out_bad_nodes(const Slurm& slurm, BatchRequest& batch, const std::function<void(const std::string&)>& say);

/// Submits the batch's script; returns Slurm's id. If no nodes would be left, it excludes none and writes the script
/// anew. Errors: those of Slurm::submit.
std::string submit_to_slurm(const Slurm& slurm, const std::filesystem::path& script, BatchRequest& batch,
                            const std::function<void(const std::string&)>& say);

}  // namespace espalier
