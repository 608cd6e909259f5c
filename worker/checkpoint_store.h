#pragma once

#include <filesystem>
#include <utility>

#include "experiments/stage.h"
#include "worker/file_supply.h"
#include "worker/sealed_file.h"

namespace espalier {

/// The folder of trainings under way: KEY.safetensors. Where the coordinator's is another folder, they are brought from
/// there and sent there. The compute thread.
class CheckpointStore {
 public:
  /// `supply` may be null.
  CheckpointStore(std::filesystem::path folder, FileSupply* supply) : folder_(std::move(folder)), supply_(supply) {}

  std::filesystem::path path_of(const StageKey& key) const { return folder_ / (to_hex(key) + ".safetensors"); }
  /// To be called before a training looks for its checkpoint: if the coordinator has one that got further than the one
  /// here, it takes its place. Errors: StoppedWaiting.
  void bring(const StageKey& key) const;
  /// Errors: those of write_sealed_file.
  void write(const StageKey& key, Safetensors content, SendWhen when) const;

 private:
  std::filesystem::path folder_;
  FileSupply* supply_;
};

}  // namespace espalier
