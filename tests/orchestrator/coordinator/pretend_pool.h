#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "cluster/connection/coordinator_address.h"
#include "cluster/protocol/protocol.h"
#include "experiments/paths/store_paths.h"

namespace espalier {

/// How a pretend pool behaves.
struct PretendPoolOptions {
  int ranks = 2;
  int lose_after_jobs = -1;  ///< breaks the connection, without a word, when it was handed this many jobs
  int returns = 0;           ///< so many times it then comes back, with what it holds
  std::string secret;        ///< instead of the store's key
  double clock_ahead = 0;    ///< seconds
  std::string environment = R"({"host": "pretend"})";
  std::chrono::milliseconds pause{0};  ///< for each job, before it answers those that it was handed in one frame
};

/// What a pool keeps from one connection to the next.
struct PretendLife {
  std::string identity;
  std::uint64_t sequence = 0;
  std::deque<FromRank> kept;             ///< not recorded yet
  std::map<int, std::vector<Job>> held;  ///< by rank: not answered yet
  std::string end;                       ///< "left", or "lost" between two connections
};

/// Joins that coordinator, and answers every job at once until it is dismissed, or breaks off. Errors:
/// those of the connection.
boost::asio::awaitable<void> be_a_pool(CoordinatorAddress where, PretendPoolOptions options, PretendLife* life);

/// Where a store's coordinator listens, as soon as it does.
CoordinatorAddress wait_for_coordinator(const StorePaths& store);

/// A pool without MPI and LibTorch, in a thread of its own: joins a store's coordinator over TCP as a real one does,
/// and answers every job at once.
class PretendPool {
 public:
  using Options = PretendPoolOptions;
  /// Waits for the coordinator's connection file first.
  PretendPool(const StorePaths& store, Options options);
  PretendPool(CoordinatorAddress where, Options options);
  ~PretendPool();

  /// Why it ended: "left", "lost", or an error's text. After the coordinator has ended.
  std::string join();

 private:
  void live(const CoordinatorAddress& where, const Options& options);

  PretendLife life_;
  std::thread thread_;
};

}  // namespace espalier
