#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <nlohmann/json_fwd.hpp>

#include "base/error.h"
#include "base/rare_log.h"
#include "cluster/connection/connection.h"
#include "cluster/connection/credentials.h"
#include "cluster/connection/unproven_limit.h"
#include "db/write/store.h"
#include "orchestrator/coordinator/pending_changes.h"
#include "orchestrator/coordinator/progress.h"
#include "orchestrator/coordinator/side_work.h"
#include "orchestrator/coordinator/turn.h"
#include "orchestrator/pools/pool_supervisor.h"
#include "orchestrator/scheduler/core.h"
#include "orchestrator/sweeps/load_sweep.h"
#include "orchestrator/transfer/file_exchange.h"

namespace espalier {

struct EndedSweep {
  SweepId id = 0;
  std::string name;
  SweepEnd how = SweepEnd::finished;
  SweepStatus status;
};

struct ChangedSweep {
  SweepId id = 0;
  int priority = 0;
  bool paused = false;
};

/// A sweep that a client submitted: read and checked, not yet recorded.
struct SubmittedSweep {
  LoadedSweep sweep;
  std::optional<SweepId> known;                    ///< if the store has it already
  std::function<SweepToRun(LoadedSweep)> take_in;  ///< records it and returns the core's input
};

struct CoordinatorOptions {
  std::string host = "127.0.0.1";      ///< an address
  int port = 0;                        ///< 0: any free one
  std::vector<LocalPool> local_pools;  ///< started and kept alive; may be empty
  int pool_starts = 0;                 ///< PoolSupervisor's most_starts
  double start_limit_s = 60;           ///< PoolSupervisor's
  std::vector<OpenAttempt> open;       ///< of an earlier coordinator; pools may reconnect with them
  std::vector<OpenAttempt> given_up;   ///< likewise, given up with their pools
  bool stays = false;                  ///< more sweeps may be submitted: it runs until it is stopped
  /// Timeout after which the jobs of a pool whose connection broke are given to others.
  std::chrono::milliseconds return_limit{30000};
  std::vector<DataFolder> data;  ///< datasets are found here, for pools that lack them
  // These take long. They are called on another thread, one at a time.
  std::function<void()> on_results;  ///< called from time to time while results arrive; may be empty
  /// A sweep ended, and its results are durable; may be empty. Called again later if the disk is full or the database
  /// is locked.
  std::function<void(const EndedSweep&)> on_sweep_ended;
  /// A client submits a sweep (JSON), or changed how one is run. Errors are sent to the client;
  /// ErrorKind::unavailable soon after the coordinator was stopped.
  std::function<SubmittedSweep(const std::string&, const std::stop_token&)> on_submit;
  std::function<void(const ChangedSweep&)> on_sweep_changed;
};

/// The one I/O loop: passes events to the core and performs its effects. One thread, never busy for long: long work
/// runs on a second thread (CoordinatorOptions), and so does a change of the core's sweeps, during which everything
/// that needs the core waits.
/// Outcomes are committed in batches. A batch is durable before it is acknowledged to its pools and before the sweep
/// counts as finished. While the disk is full, nothing new is handed out.
class Coordinator {
 public:
  enum class Ending { finished, interrupted, cancelled, too_many_failures };

  /// Listens and writes the store's connection file. Errors: ErrorKind::unavailable if the port is taken.
  Coordinator(Store& store, Core& core, CoordinatorOptions options, ProgressLine& progress);
  ~Coordinator();

  /// Returns when the sweep is finished, or was stopped and every pool has left.
  /// Errors: ErrorKind::unavailable if the local pools cannot be kept alive; ErrorKind::exhausted if the store's disk
  /// is full; those of the store. Earlier commits stay.
  Ending run();

  int port() const;
  /// For benchmarks. run() runs it.
  boost::asio::io_context& loop() { return io_; }
  double elapsed_s() const;
  /// Seconds from the first job handed out to the last commit.
  double busy_s() const { return last_commit_at_ - first_job_at_; }

 private:
  /// A pool, connected or silent.
  struct PoolLink {
    ConnectionPtr connection;  ///< null while it is silent
    std::string label;
    std::string owner;                       ///< SHA-256 of its identity, hex
    PoolDescription description;             ///< its latest
    double joined_at = 0, described_at = 0;  ///< UTC seconds; 0: only the database remembers it
    int absences = 0;                        ///< number of times its connection broke
    int violations = 0;                      ///< ProtocolViolations so far
    std::map<int, int> cores;                ///< of each rank's host
    std::uint64_t handled = 0;               ///< number of its last frame that was handled
    std::uint64_t acknowledged = 0;
  };

  boost::asio::awaitable<void> accept_connections();
  boost::asio::awaitable<void> serve(ConnectionPtr connection);
  boost::asio::awaitable<void> serve_pool(ConnectionPtr connection, PoolDescription description);
  boost::asio::awaitable<void> await_return(PoolId pool, bool was_silent);
  PoolDescription check_description(const ConnectionPtr& connection, const Message& message);
  void log_violation(const ProtocolViolation& violation);
  boost::asio::awaitable<void> watch_signals();
  boost::asio::awaitable<void> tick();

  void spawn(const std::string& name, boost::asio::awaitable<void> coroutine);
  void perform(Effects effects);
  void remember_pools();
  void warn_about_clock(const PoolDescription& description);
  PoolId attach(const ConnectionPtr& connection, const PoolDescription& description);
  bool handle(PoolId pool, const Message& message);
  void on_reports(PoolId pool, int rank, std::vector<RankReport> reports);
  // coordinator_clients.cpp
  boost::asio::awaitable<void> on_client(ConnectionPtr connection, Role role, Message message);
  boost::asio::awaitable<void> watch_client(ConnectionPtr connection);
  boost::asio::awaitable<std::string> answer(Ask ask, Role role);
  nlohmann::json describe_status() const;
  nlohmann::json describe_pools() const;
  nlohmann::json describe_jobs() const;
  SweepId named_sweep(const nlohmann::json& arguments) const;
  boost::asio::awaitable<void> change_sweep(SweepId sweep, std::function<Effects()> change);
  boost::asio::awaitable<nlohmann::json> submit(std::string arguments);
  boost::asio::awaitable<nlohmann::json> take_in(SubmittedSweep submitted);
  boost::asio::awaitable<void> settle_before_submission();
  boost::asio::awaitable<void> lend_core(std::function<void()> work);
  boost::asio::awaitable<void> change_core(std::function<Effects()> change);
  PoolId named_pool(const std::string& label) const;

  void lose(PoolId pool, const PoolEnd& end);
  EnvironmentId record_environment(const std::string& json);
  void announce_address();
  void follow_rotation();
  void send_commands();
  bool commit();
  void set_aside(const PendingChanges::Refused& refused);
  void give_up_refused();
  void commit_soon();
  void acknowledge();
  void check_free_space(double now);
  void forget_checkpoint(const StageKey& key);
  void notify_user(const std::string& line);
  void show_progress();
  void log_refusals(double now);
  void forget_what_ended();
  void announce_results();
  boost::asio::awaitable<void> refresh_results();
  void announce_ended_sweeps();
  boost::asio::awaitable<void> report_ended_sweeps();
  void report_end(const EndedSweep& ended);
  bool is_busy_beside() const { return submissions_ > 0 || !side_.idle() || !core_side_.idle(); }
  void endure(const Error& error);
  std::string commit_trouble() const;
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
  Credentials credentials_;
  FileExchange files_;
  PoolSupervisor local_pools_;
  UnprovenLimit unproven_;
  RareLog unproven_log_, failed_accepts_;
  std::map<PoolId, PoolLink> pools_;
  PoolId next_pool_ = 1;
  std::map<std::string, EnvironmentId> environments_;                    ///< by their JSON
  std::map<std::pair<PoolId, int>, std::vector<RankCommand>> commands_;  ///< gathered during one turn of the loop
  PendingChanges changes_;                                               ///< to be committed
  bool commit_is_due_ = false;                                           ///< more of them, later in this turn
  std::vector<std::pair<StageOutcome, std::string>> refused_;            ///< by the database, and why; for the core
  std::deque<EndedSweep> ended_sweeps_;                                  ///< not yet reported
  std::string commit_trouble_;  ///< the full disk that commits or ended sweeps wait for, or ""
  std::optional<double> earlier_seconds_per_cost_;
  Ending ending_ = Ending::finished;
  bool stop_begun_ = false;
  double started_at_ = 0;
  double first_job_at_ = 0;
  double last_commit_at_ = 0;
  double gone_since_ = 0;
  double finished_at_ = 0;  ///< when the last sweep finished
  double locked_since_ = 0;
  double free_space_checked_at_ = 0;
  double resume_at_ = 0;  ///< a pause because of a worker's full disk lasts until then; 0: there is none
  double resumed_at_ = 0;
  double pause_s_ = 0;
  bool has_new_results_ = false;
  bool refreshes_results_ = false, reports_ended_ = false;
  double next_announcement_at_ = 0;
  std::exception_ptr error_;
  std::stop_source stop_;  ///< for what side_ is at
  Turn core_lent_{io_}, submission_{io_};
  std::size_t submissions_ = 0;  ///< waiting or under way
  // Last: they end before what they use.
  SideWork side_{io_};       ///< the store, files and what they are computed from
  SideWork core_side_{io_};  ///< the core, while it is lent; never queued behind side_'s work
};

}  // namespace espalier
