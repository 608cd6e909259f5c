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

/// The coordinator's part in moving files to and from pools that do not share its folders. What is said is heard and
/// answered on the io_context's thread; disks and hashes are a second thread's, so that neither holds up a heartbeat.
class FileExchange {
 public:
  /// The stage of that key if a sweep that runs has it; else null. What it names is what pools may have.
  using FindStage = std::function<const Stage*(const StageKey&)>;

  /// Whether a file of that stage may come from that pool.
  using ClaimOf = std::function<Core::FileClaim(PoolId, const StageKey&)>;

  /// Writes the store's probe. `io` outlives this object. Errors: those of write_file_atomically.
  FileExchange(boost::asio::io_context& io, const StorePaths& paths, std::vector<DataFolder> data, FindStage find_stage,
               ClaimOf claim_of);
  ~FileExchange();
  FileExchange(const FileExchange&) = delete;
  FileExchange& operator=(const FileExchange&) = delete;

  /// Another folder in which datasets of sweeps may lie.
  void add_data(const DataFolder& folder);
  /// A pool joined, or is back: tells it how to find out whether it shares the store.
  void greet(PoolId pool, const ConnectionPtr& connection);
  /// False: it is not about files. Errors: ErrorKind::corrupt for what no pool of ours says.
  bool hear(PoolId pool, const Message& message);
  void silence(PoolId pool);
  void forget(PoolId pool);
  /// PlacedFiles::settle, for an outcome of a pool that makes the stage.
  bool settle(const StageKey& stage, const std::string& sha256) { return placed_.settle(stage, sha256); }

 private:
  /// One connection of a pool. Shared with the answers that are still being read for it.
  struct Link {
    ConnectionPtr connection;
    int asked = 0;  ///< fetches without an answer
  };

  void answer(const std::shared_ptr<Link>& link, const FetchFile& fetch);
  /// Runs something of the intake on the second thread, and sends what it replies.
  void take_in(std::function<FileIntake::Replies()> step);
  void send(const FileIntake::Replies& replies, bool waits_for_space);

  boost::asio::io_context& io_;
  const std::string probe_;
  const FindStage find_stage_;
  const ClaimOf claim_of_;
  PlacedFiles placed_;
  boost::asio::steady_timer room_timer_;
  bool timer_runs_ = false;
  std::map<PoolId, std::shared_ptr<Link>> links_;
  // The second thread's own.
  StageFiles files_;
  FileIntake intake_;
  boost::asio::thread_pool thread_{1};  ///< last: ends before what it uses
};

}  // namespace espalier
