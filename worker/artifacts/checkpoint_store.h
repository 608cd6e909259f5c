#pragma once

#include <filesystem>
#include <optional>
#include <utility>

#include "experiments/stages/stage.h"
#include "worker/files/file_supply.h"
#include "worker/files/sealed_file.h"

namespace espalier {

/// The folder of trainings under way: KEY.safetensors. Where the coordinator's is another folder, they are brought from
/// there and sent there. The compute thread.
class CheckpointStore {
 public:
  /// `supply` may be null.
  CheckpointStore(std::filesystem::path folder, FileSupply* supply) : folder_(std::move(folder)), supply_(supply) {}

  std::filesystem::path path_of(const StageKey& key) const { return folder_ / (to_hex(key) + ".safetensors"); }
  /// Where the checkpoint lies that a training goes on from, if there is any: the one of here, or the coordinator's if
  /// that got further. `of_gang`: the coordinator's, where that is elsewhere, since all of its machines can have that
  /// one; none if there is none. It is not to be changed: others may be reading it. Errors: StoppedWaiting.
  std::optional<std::filesystem::path> latest(const StageKey& key, bool of_gang) const;
  /// Errors: those of write_sealed_file.
  void write(const StageKey& key, Safetensors content, SendWhen when) const;

 private:
  std::filesystem::path folder_;
  FileSupply* supply_;
};

}  // namespace espalier
