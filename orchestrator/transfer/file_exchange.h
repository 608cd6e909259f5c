#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "cluster/connection/connection.h"
#include "orchestrator/scheduler/core.h"
#include "orchestrator/scheduler/ids.h"
#include "orchestrator/transfer/file_intake.h"
#include "orchestrator/transfer/stage_files.h"

namespace espalier {

/// The coordinator's part in moving files to and from pools that do not share its folders. Messages are handled and
/// sent on the io_context's thread; disk I/O and hashing run on a second thread, so that they delay no heartbeat.
class FileExchange {
 public:
  /// The stage of that key if a running sweep has it; else null. Pools may fetch only files that it names.
  using FindStage = std::function<const Stage*(const StageKey&)>;

  /// Whether that pool may upload a file of that stage.
  using ClaimOf = std::function<Core::FileClaim(PoolId, const StageKey&)>;

  /// Writes the store's probe. `io` outlives this object. Errors: those of write_file_atomically.
  FileExchange(boost::asio::io_context& io, const StorePaths& paths, std::vector<DataFolder> data, FindStage find_stage,
               ClaimOf claim_of);
  ~FileExchange();
  FileExchange(const FileExchange&) = delete;
  FileExchange& operator=(const FileExchange&) = delete;

  /// Another folder in which datasets of sweeps may lie.
  void add_data(const DataFolder& folder);
  /// A pool joined or reconnected: sends it the probe, by which it finds whether it shares the store.
  void greet(PoolId pool, const ConnectionPtr& connection);
  /// False: the message is not about files. Errors: ErrorKind::corrupt for a message that no valid pool sends.
  bool handle(PoolId pool, const Message& message);
  void silence(PoolId pool);
  void forget(PoolId pool);
  /// PlacedFiles::settle, for an outcome of a pool that runs the stage.
  bool settle(const StageKey& stage, const std::string& sha256) { return placed_.settle(stage, sha256); }

 private:
  /// One connection of a pool. Shared with the answers that are still being read from disk for it.
  struct Link {
    ConnectionPtr connection;
    int asked = 0;  ///< unanswered fetches
  };

  void answer(const std::shared_ptr<Link>& link, const FetchFile& fetch);
  /// Runs a function of the intake on the second thread, and sends its replies.
  void take_in(std::function<FileIntake::Replies()> step);
  void send(const FileIntake::Replies& replies, bool waits_for_space);

  boost::asio::io_context& io_;
  const std::string probe_;
  const FindStage find_stage_;
  const ClaimOf claim_of_;
  PlacedFiles placed_;
  boost::asio::steady_timer free_space_timer_;
  bool timer_runs_ = false;
  std::map<PoolId, std::shared_ptr<Link>> links_;
  // Used by the second thread only.
  StageFiles files_;
  FileIntake intake_;
  boost::asio::thread_pool thread_{1};  ///< last: ends before what it uses
};

}  // namespace espalier
