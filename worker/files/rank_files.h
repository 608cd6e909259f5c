#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cluster/protocol/protocol.h"
#include "worker/files/cache_folder.h"
#include "worker/files/file_supply.h"

namespace espalier {

/// One rank's files. The compute thread requests files and offers others; the main thread, which never waits, takes its
/// requests and answers them. Uses the coordinator's own folder where this machine shares it.
class RankFiles : public FileSupply {
 public:
  /// `shared`: the folder that may be the coordinator's. `cache` outlives this object.
  RankFiles(StorePaths shared, CacheFolder& cache);

  StorePaths store() const override;
  bool is_elsewhere() const override;
  void begin(const StageKey& stage, const std::atomic<bool>& stop, Pulse* pulse) override;
  std::string bring(const FileName& file) override;
  std::filesystem::path place(const FileName& file) const override { return cache_.place(file); }
  void written(const FileName& file, const StoredFile& stored, SendWhen when) override;
  bool is_sending(const StageKey& stage) const override;
  bool is_sending_anything() const override;

  // The main thread.

  /// The coordinator's description of its store. The first one counts: a rank does not move its files.
  void decide(const std::string& probe);
  /// The pending fetch request of the compute thread, if not yet sent.
  std::optional<FetchFile> take_request();
  /// The file is at its place, or cannot be fetched ("" or why).
  void answer(const FileName& file, const std::string& why);
  /// New offers of files for the coordinator.
  std::vector<OfferFile> take_offers();
  /// A piece of an offered file as it was when it was offered, whatever its path has now; or why there is none.
  Message read(const FetchFile& request);
  void stored(const FileStored& stored);

 private:
  struct Offered {
    OfferFile offer;
    std::ifstream bytes;
    bool taken = false;
  };

  StorePaths shared_;
  CacheFolder& cache_;
  mutable std::mutex mutex_;
  std::condition_variable answered_;
  std::optional<bool> is_shared_;
  std::optional<FetchFile> request_;
  bool request_taken_ = false;
  std::optional<std::string> answer_;  ///< to the request
  std::map<FileName, Offered> offered_;
  // Used by the compute thread only.
  StageKey stage_;
  const std::atomic<bool>* stop_ = nullptr;
  Pulse* pulse_ = nullptr;
  FileName last_checkpoint_;
  std::chrono::steady_clock::time_point last_checkpoint_at_{};
};

}  // namespace espalier
