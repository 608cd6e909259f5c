// Everything here runs on the one thread of io_: coroutines for accepting, for each connection (coordinator_pools.cpp),
// for signals and for a tick four times a second. They pass events to the core and perform its effects. Commands to
// ranks are batched into one frame per rank and turn; outcomes are batched into one transaction.
#include "orchestrator/coordinator/coordinator.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <unistd.h>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/host_name.h"
#include "cluster/auth/authentication.h"
#include "experiments/spec/sweep_limits.h"

namespace espalier {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kTick = std::chrono::milliseconds(250);
/// How long pools have to checkpoint and leave before they are killed.
constexpr double kLeaveSeconds = 30;
/// Limits of on_results: how often it is called, and its fraction of the coordinator's time.
constexpr double kAnnounceSeconds = 20;
constexpr double kAnnounceShare = 0.02;

/// Splits them into as few frames as possible, in order.
void send_in_frames(Connection& connection, int rank, const std::vector<RankCommand>& commands) {
  constexpr std::size_t kMost = kFrameLimitBytes - (64U << 10);  // the rest is for the frame's other fields
  static_assert(3 * kLargestSpecBytes < kMost, "a job has to fit");
  std::string encoded = encode(commands);
  if (encoded.size() <= kMost || commands.size() == 1) return connection.send(ToRank{rank, std::move(encoded)});
  const auto middle = commands.begin() + static_cast<std::ptrdiff_t>(commands.size() / 2);
  send_in_frames(connection, rank, {commands.begin(), middle});
  send_in_frames(connection, rank, {middle, commands.end()});
}

tcp::acceptor listen_on(asio::io_context& io, const std::string& host, int port) {
  boost::system::error_code bad_address;
  const asio::ip::address address = asio::ip::make_address(host, bad_address);
  if (bad_address)
    throw Error(ErrorKind::invalid_input, "--host: expected an address such as 127.0.0.1, found \"" + host + "\"");
  try {
    return tcp::acceptor(io, tcp::endpoint(address, static_cast<std::uint16_t>(port)));
  } catch (const boost::system::system_error& error) {
    throw Error(ErrorKind::unavailable,
                fmt::format("cannot listen on {}:{}: {}; choose another --port, or leave it out to get a free one",
                            host, port, error.code().message()));
  }
}

}  // namespace

Coordinator::Coordinator(Store& store, Core& core, CoordinatorOptions options, ProgressLine& progress)
    : store_(store),
      core_(core),
      options_(std::move(options)),
      progress_(progress),
      io_(1),
      acceptor_(listen_on(io_, options_.host, options_.port)),
      signals_(io_),
      ticker_(io_),
      credentials_(store.paths()),
      files_(
          io_, store.paths(), options_.data, [&core](const StageKey& key) { return core.find_stage(key); },
          [&core](PoolId pool, const StageKey& key) { return core.claim_of(pool, key); }),
      local_pools_(options_.local_pools, options_.pool_starts, options_.start_limit_s),
      environments_(store.environments()),
      earlier_seconds_per_cost_(store.measured_cost().overall) {
  announce_address();
}

Coordinator::~Coordinator() {
  const std::filesystem::path announced = store_.paths().connection();
  try {  // it may be another coordinator's, if the lock was removed by hand
    if (read_connection_file(announced).pid == ::getpid()) std::filesystem::remove(announced);
  } catch (const std::exception&) {  // it is missing or unreadable
  }
}

// A coordinator that listens on every address is reached by its host name.
void Coordinator::announce_address() {
  const bool everywhere = acceptor_.local_endpoint().address().is_unspecified();
  write_connection_file(store_.paths().connection(),
                        {everywhere ? host_name() : options_.host, port(), ::getpid(), credentials_.certificate()});
}

void Coordinator::follow_rotation() {
  if (credentials_.follow_rotation()) announce_address();
}

int Coordinator::port() const {
  return acceptor_.local_endpoint().port();
}
double Coordinator::elapsed_s() const {
  return utc_seconds() - started_at_;
}

void Coordinator::spawn(const std::string& name, asio::awaitable<void> coroutine) {
  asio::co_spawn(io_, std::move(coroutine), [this, name](std::exception_ptr error) {
    if (!error) return;
    spdlog::error("{} ended with an error", name);
    fail(error);
  });
}

void Coordinator::fail(std::exception_ptr error) {
  if (!error_) error_ = error;
  io_.stop();
}

Coordinator::Ending Coordinator::run() {
  started_at_ = utc_seconds();
  // USR1 is what a batch system sends before an allocation ends.
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGQUIT}) signals_.add(signal);
  // A terminal that closes stops the sweep as Ctrl-C does, unless we were started to outlive it (nohup).
  struct sigaction hangup {};
  if (::sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN) signals_.add(SIGHUP);
  for (const std::string& line : local_pools_.start()) notify_user(line);
  remember_pools();
  spawn("accepting connections", accept_connections());
  spawn("watching signals", watch_signals());
  spawn("the tick", tick());
  io_.run();
  if (error_) {
    local_pools_.kill();
    std::rethrow_exception(error_);
  }
  while (commit()) {
  }
  if (!changes_.empty()) {
    throw Error(ErrorKind::exhausted, commit_trouble() +
                                          "; the last results could not be written, and are computed "
                                          "again when the same command is run after there is room");
  }
  // No side work is under way, and no loop runs any more that this could block.
  try {
    for (; !ended_sweeps_.empty(); ended_sweeps_.pop_front()) {
      if (options_.on_sweep_ended) options_.on_sweep_ended(ended_sweeps_.front());
      report_end(ended_sweeps_.front());
    }
  } catch (const Error& error) {
    endure(error);
  }
  if (!ended_sweeps_.empty()) {
    throw Error(ErrorKind::exhausted, commit_trouble() +
                                          "; that a sweep has ended could not be written: the same command does so "
                                          "when it is run once that is over");
  }
  if (core_.finished() && !options_.stays) return Ending::finished;  // even if a stop came after the last result
  return core_.too_many_failures() ? Ending::too_many_failures : ending_;
}

void Coordinator::perform(Effects effects) {
  for (Effect& effect : effects) {
    if (SendJob* send = std::get_if<SendJob>(&effect)) {
      if (commands_.empty()) asio::post(io_, [this] { send_commands(); });
      const std::vector<int> ranks = send->gang.empty() ? std::vector{send->rank} : send->gang;
      for (const int rank : ranks)
        commands_[{send->pool, rank}].emplace_back(RunJob{send->job, send->alone, send->gang});
    } else if (SendStop* stop = std::get_if<SendStop>(&effect)) {
      if (commands_.empty()) asio::post(io_, [this] { send_commands(); });
      commands_[{stop->pool, stop->rank}].emplace_back(StopJob{stop->attempt});
    } else if (DismissPool* dismiss = std::get_if<DismissPool>(&effect)) {
      const auto found = pools_.find(dismiss->pool);
      if (found != pools_.end() && found->second.connection) found->second.connection->send(Leave{});
    } else if (Record* record = std::get_if<Record>(&effect)) {
      changes_.add(std::move(record->change));
    } else if (Notice* notice = std::get_if<Notice>(&effect)) {
      notify_user(notice->text);
    } else if (const ProtocolViolation* violation = std::get_if<ProtocolViolation>(&effect)) {
      log_violation(*violation);
    } else if (const SweepEnded* ended = std::get_if<SweepEnded>(&effect)) {
      const auto sweep = std::ranges::find(core_.sweeps(), ended->sweep, &Workload::Sweep::id);
      if (ended->how == SweepEnd::finished) finished_at_ = utc_seconds();
      ended_sweeps_.push_back({ended->sweep, sweep->name, ended->how, core_.sweep_status(*sweep)});
    }
  }
  if (changes_.are_many() || core_.finished()) commit_soon();
  announce_ended_sweeps();
}

void Coordinator::announce_ended_sweeps() {
  if (ended_sweeps_.empty() || std::exchange(reports_ended_, true)) return;
  spawn("the end of a sweep", report_ended_sweeps());
}

asio::awaitable<void> Coordinator::report_ended_sweeps() {
  try {
    while (!ended_sweeps_.empty()) {
      commit();
      if (!changes_.empty()) break;  // an end is reported only once it is durable
      const EndedSweep ended = ended_sweeps_.front();
      if (options_.on_sweep_ended) co_await side_.run([&] { options_.on_sweep_ended(ended); });
      report_end(ended);
      ended_sweeps_.pop_front();
      locked_since_ = 0;
      commit_trouble_.clear();
    }
  } catch (const Error& error) {
    endure(error);
  }
  reports_ended_ = false;
}

void Coordinator::report_end(const EndedSweep& ended) {
  if (!options_.stays) return;  // the report of the one sweep follows
  progress_.notify_user(fmt::format("{}: {} of {} trials done{}", ended.name, ended.status.trials_done,
                                    ended.status.trials, ended.how == SweepEnd::cancelled ? ", cancelled" : ""));
}

void Coordinator::notify_user(const std::string& line) {
  spdlog::warn("{}", line);
  progress_.notify_user(line);
}

void Coordinator::send_commands() {
  if (first_job_at_ == 0) first_job_at_ = utc_seconds();
  for (auto& [to, commands] : std::exchange(commands_, {})) {
    const auto found = pools_.find(to.first);
    if (found != pools_.end() && found->second.connection)
      send_in_frames(*found->second.connection, to.second, commands);
  }
}

asio::awaitable<void> Coordinator::tick() {
  boost::system::error_code ignored;
  while (true) {
    ticker_.expires_after(kTick);
    co_await ticker_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    const double now = utc_seconds();
    if (!commit_is_due_) commit();
    acknowledge();
    follow_rotation();
    log_refusals(now);
    if (core_lent_.taken()) continue;
    if (!refused_.empty()) give_up_refused();
    announce_ended_sweeps();
    if (!core_.stopping()) check_free_space(now);
    if (!core_.stopping() && (options_.stays || !core_.finished() || !changes_.empty())) {
      perform(core_.on_tick(now));
      if (options_.stays || !core_.finished()) {
        for (const std::string& line : local_pools_.restart_ended(core_.activity(), now)) notify_user(line);
      }
      announce_results();
      show_progress();
      forget_what_ended();
      continue;
    }
    if (gone_since_ == 0) gone_since_ = now;
    const bool any_connected =
        std::any_of(pools_.begin(), pools_.end(), [](const auto& entry) { return entry.second.connection != nullptr; });
    if (!any_connected && !local_pools_.any_running() && !is_busy_beside()) {
      // Do not wait for a silent pool: its attempts have ended with the sweep.
      while (core_.finished() && !options_.stays && !pools_.empty())
        lose(pools_.begin()->first, {LossCause::drained, "", {}, {}, {}, {}});
      break;
    }
    if (now - gone_since_ > kLeaveSeconds) local_pools_.kill();
  }
  show_progress();
  io_.stop();
}

void Coordinator::log_refusals(double now) {
  for (const std::string& line : {unproven_log_.sum_up("unauthenticated connections", now),
                                  failed_accepts_.sum_up("connections that could not be accepted", now)}) {
    if (!line.empty()) spdlog::warn("{}", line);
  }
}

void Coordinator::show_progress() {
  progress_.update(progress_text(core_.status(), earlier_seconds_per_cost_, elapsed_s()), utc_seconds());
}

// Not while a sweep is added: for stages it shares with an ended sweep the core is newer than the database. Nor while
// pools may still offer files of a sweep that has just finished.
void Coordinator::forget_what_ended() {
  constexpr double kFilesSeconds = 60;
  if (submissions_ == 0 && utc_seconds() - finished_at_ > kFilesSeconds && core_.is_worth_forgetting())
    spawn("forgetting", change_core([this] { return core_.forget(utc_seconds()); }));
}

void Coordinator::announce_results() {
  if (!has_new_results_ || !options_.on_results || refreshes_results_ || utc_seconds() < next_announcement_at_) return;
  has_new_results_ = false;
  refreshes_results_ = true;
  spawn("the comparison", refresh_results());
}

asio::awaitable<void> Coordinator::refresh_results() {
  const double before = utc_seconds();
  try {
    co_await side_.run(options_.on_results);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::exhausted && error.kind() != ErrorKind::unavailable) throw;
    spdlog::warn("the comparison was not refreshed: {}", error.what());
  }
  const double after = utc_seconds();
  next_announcement_at_ = after + std::max(kAnnounceSeconds, (after - before) / kAnnounceShare);
  refreshes_results_ = false;
}

asio::awaitable<void> Coordinator::watch_signals() {
  boost::system::error_code error;
  while (true) {
    co_await signals_.async_wait(asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    co_await core_lent_.wait();
    if (stop_begun_) {
      progress_.notify_user("stopping at once; what was not checkpointed is computed again next time");
      local_pools_.kill();
      continue;
    }
    progress_.notify_user("stopping: running jobs write a checkpoint (Ctrl-C again to stop at once)");
    begin_stop(Ending::interrupted);
  }
}

void Coordinator::begin_stop(Ending ending) {
  if (std::exchange(stop_begun_, true)) return;
  ending_ = ending;
  local_pools_.kill_unjoined();
  stop_.request_stop();
  perform(core_.stop(utc_seconds()));
}

}  // namespace espalier
