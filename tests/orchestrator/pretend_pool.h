#pragma once

#include <filesystem>
#include <string>
#include <thread>

#include "experiments/store_paths.h"

namespace espalier {

/// A pool without MPI and LibTorch, in a thread of its own: joins a store's coordinator over TCP as a real one does,
/// and answers every job at once.
class PretendPool {
 public:
  struct Options {
    int ranks = 2;
    int lose_after_jobs = -1;  ///< breaks the connection, without a word, when it was handed this many jobs
    std::string secret;        ///< instead of the store's
  };
  /// Waits for the coordinator's connection file first.
  PretendPool(const StorePaths& store, Options options);
  ~PretendPool();

  /// Why it ended: "left", "lost", or an error's text. After the coordinator has ended.
  std::string join();

 private:
  std::string end_;
  std::thread thread_;
};

}  // namespace espalier
