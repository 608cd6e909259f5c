#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "experiments/datasets/dataset.h"
#include "worker/files/file_supply.h"
#include "worker/jobs/guard_settings.h"
#include "worker/machine/memory_limit.h"

namespace espalier {

struct WorkerSettings {
  std::filesystem::path artifacts;    ///< folder; KEY.safetensors in a subfolder named by the key's first two digits
  std::filesystem::path checkpoints;  ///< folder; KEY.safetensors
  DataFolder data;
  std::string device = "auto";  ///< "auto", "cpu", "cuda", "cuda:1"
  int local_rank = 0;           ///< among the pool's ranks of this host: "auto" and "cuda" share out its GPUs by it
  /// Checkpoint interval: at the first epoch's end after this long; always at a stop. A training that took longer also
  /// keeps its end as a checkpoint, which the coordinator removes once the outcome is durable.
  std::chrono::milliseconds checkpoint_every{10000};
  FileSupply* supply = nullptr;  ///< fetches and sends files if those folders are not the coordinator's; may be null
  MemoryAllowance memory;        ///< applies if the device is the CPU
  GuardSettings guard;           ///< for the watching thread
};

}  // namespace espalier
