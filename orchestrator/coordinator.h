#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "cluster/connection.h"
#include "cluster/stranger_limit.h"
#include "db/store.h"
#include "orchestrator/core.h"
#include "orchestrator/file_exchange.h"
#include "orchestrator/local_pools.h"
#include "orchestrator/progress.h"

namespace espalier {

struct CoordinatorOptions {
  std::string host = "127.0.0.1";
  int port = 0;                        ///< 0: any free one
  std::vector<LocalPool> local_pools;  ///< started and kept alive; may be empty
  int pool_starts = 0;                 ///< LocalPools's most_starts
  std::vector<OpenAttempt> open;       ///< that an earlier coordinator left; pools may come back with them
  /// How long a pool whose connection broke has to come back before its jobs are given to others.
  std::chrono::milliseconds return_limit{30000};
  DataFolder data;                   ///< datasets are found here, for pools that lack them
  std::function<void()> on_results;  ///< called now and then while results come in; may be empty
};

/// The one I/O loop: feeds the core with what arrives, does what it answers. One thread.
/// Outcomes are committed in batches; a batch is durable before its pools are told that they may forget it, and before
/// the sweep counts as finished. Where the disk is full, nothing new is handed out until there is room.
class Coordinator {
 public:
  enum class Ending { finished, interrupted, cancelled, too_many_failures };

  /// Listens and writes the store's connection file. Errors: ErrorKind::unavailable if the port is taken.
  Coordinator(Store& store, Core& core, CoordinatorOptions options, ProgressLine& progress);
  ~Coordinator();

  /// Until the sweep is finished, or was stopped and every pool has left.
  /// Errors: ErrorKind::unavailable if the local pools cannot be kept alive; ErrorKind::exhausted if the store's disk
  /// is full; whatever the store throws. What was committed before stays.
  Ending run();

  int port() const;
  double elapsed_s() const;
  /// Seconds from the first job handed out to the last commit.
  double busy_s() const { return last_commit_at_ - first_job_at_; }

 private:
  /// A pool, whether or not it is connected at present.
  struct PoolLink {
    ConnectionPtr connection;  ///< null while it is silent
    std::string label;
    std::string identity;     ///< "" of one that only the database remembers
    std::uint64_t heard = 0;  ///< its frames up to this one were taken in
    std::uint64_t acknowledged = 0;
  };

  boost::asio::awaitable<void> accept_connections();
  boost::asio::awaitable<void> serve(ConnectionPtr connection);
  boost::asio::awaitable<void> serve_pool(ConnectionPtr connection, PoolDescription description);
  boost::asio::awaitable<void> await_return(PoolId pool, bool was_silent);
  static PoolDescription check_description(const ConnectionPtr& connection, const Message& message);
  boost::asio::awaitable<void> watch_signals();
  boost::asio::awaitable<void> tick();

  void spawn(const std::string& name, boost::asio::awaitable<void> coroutine);
  void perform(Effects effects);
  void remember_pools();
  PoolId attach(const ConnectionPtr& connection, const PoolDescription& description);
  bool hear(PoolId pool, const Message& message);
  void on_reports(PoolId pool, int rank, std::vector<RankReport> reports);
  void on_client(const ConnectionPtr& connection, const Message& message);
  void lose(PoolId pool, const PoolEnd& end);
  EnvironmentId record_environment(const std::string& json);
  void send_commands();
  void commit();
  void acknowledge();
  void look_for_room(double now);
  void forget_checkpoint(const StageKey& key);
  void tell(const std::string& line);
  void show_progress();
  void announce_results();
  void begin_stop(Ending ending);
  void fail(std::exception_ptr error);

  Store& store_;
  Core& core_;
  CoordinatorOptions options_;
  ProgressLine& progress_;
  boost::asio::io_context io_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer ticker_;
  std::string secret_;
  FileExchange files_;
  LocalPools local_pools_;
  StrangerLimit strangers_;
  std::map<PoolId, PoolLink> pools_;
  PoolId next_pool_ = 1;
  std::map<std::string, EnvironmentId> environments_;                    ///< by their JSON
  std::map<std::pair<PoolId, int>, std::vector<RankCommand>> commands_;  ///< gathered during one turn of the loop
  std::vector<StoreChange> changes_;                                     ///< to be committed
  std::string commit_trouble_;                                           ///< why they could not be; "" if they could
  std::optional<double> earlier_seconds_per_cost_;
  Ending ending_ = Ending::finished;
  bool stop_begun_ = false;
  double started_at_ = 0;
  double first_job_at_ = 0;
  double last_commit_at_ = 0;
  double gone_since_ = 0;
  double locked_since_ = 0;
  double room_looked_at_ = 0;
  double resume_at_ = 0;  ///< a pause because of a worker's full disk lasts until then; 0: there is none
  double resumed_at_ = 0;
  double pause_s_ = 0;
  bool has_new_results_ = false;
  double next_announcement_at_ = 0;
  std::exception_ptr error_;
};

}  // namespace espalier
