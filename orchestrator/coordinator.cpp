// Everything here runs on the one thread of io_: coroutines for accepting, for each connection, for signals and for a
// tick four times a second. They hand events to the core and perform what it answers. Commands to ranks are gathered
// and leave as one frame per rank and turn; outcomes are gathered and committed as one transaction.
#include "orchestrator/coordinator.h"

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
#include "cluster/authentication.h"

namespace espalier {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kTick = std::chrono::milliseconds(250);
constexpr std::size_t kCommitAtOnce = 2000;
/// How long pools have to checkpoint and leave before they are killed.
constexpr double kLeaveSeconds = 30;
/// How long a database that another process has locked is waited for.
constexpr double kLockedSeconds = 60;
/// How often on_results is called at most, and how small a part of the coordinator's time it may take.
constexpr double kAnnounceSeconds = 20;
constexpr double kAnnounceShare = 0.02;

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
      secret_(load_or_create_secret(store.paths().secret())),
      local_pools_(options_.local_pools),
      earlier_seconds_per_cost_(store.measured_seconds_per_cost()) {
  write_connection_file(store_.paths().connection(), {options_.host, port(), ::getpid()});
}

Coordinator::~Coordinator() {
  std::error_code ignored;
  std::filesystem::remove(store_.paths().connection(), ignored);
}

int Coordinator::port() const {
  return acceptor_.local_endpoint().port();
}
double Coordinator::elapsed_s() const {
  return utc_seconds() - started_at_;
}

template <typename Coroutine>
void Coordinator::spawn(const std::string& name, Coroutine coroutine) {
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
  signals_.add(SIGINT);
  signals_.add(SIGTERM);
  // A terminal that closes stops the sweep as Ctrl-C does, unless we were started to outlive it (nohup).
  struct sigaction hangup {};
  if (::sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN) signals_.add(SIGHUP);
  local_pools_.start();
  spawn("accepting connections", accept_connections());
  spawn("watching signals", watch_signals());
  spawn("the tick", tick());
  io_.run();
  if (error_) {
    local_pools_.kill();
    std::rethrow_exception(error_);
  }
  while (!changes_.empty()) commit();
  if (core_.finished()) return Ending::finished;  // whatever was asked for after the last result
  return core_.exhausted() ? Ending::exhausted : ending_;
}

asio::awaitable<void> Coordinator::accept_connections() {
  while (true) {
    boost::system::error_code error;
    tcp::socket socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!acceptor_.is_open()) co_return;
    if (error) {
      spdlog::warn("accepting a connection failed: {}", error.message());
      asio::steady_timer pause(io_, std::chrono::milliseconds(100));  // no file descriptors, say: it lasts
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
      continue;
    }
    spawn("a connection", serve(std::make_shared<Connection>(std::move(socket))));
  }
}

asio::awaitable<void> Coordinator::serve(ConnectionPtr connection) {
  const std::string from = connection->remote_address();
  const PoolId number = next_pool_++;
  const std::string name = fmt::format("pool-{}", number);
  std::optional<PoolDescription> pool;
  try {
    const Role role = co_await welcome_peer(connection, secret_, name);
    spawn("a heartbeat", connection->keep_alive());
    const Message first = co_await connection->receive();
    if (role == Role::pool) pool = check_description(connection, first);
    if (role == Role::client && std::holds_alternative<Cancel>(first)) {
      begin_stop(Ending::cancelled);
      connection->send(Done{});
    }
  } catch (const Error& error) {
    spdlog::warn("{}: {}", from, error.what());  // a stranger or a damaged frame disturbs nobody else
  }
  if (pool) co_await serve_pool(connection, number, pool->label.empty() ? name : pool->label, *pool);
  connection->close_after_sending();
}

PoolDescription Coordinator::check_description(const ConnectionPtr& connection, const Message& message) {
  const PoolDescription* description = std::get_if<PoolDescription>(&message);
  constexpr int kMostRanks = 100000;
  if (description == nullptr || description->ranks < 1 || description->ranks > kMostRanks) {
    throw Error(ErrorKind::corrupt, "a pool did not describe itself");
  }
  if (description->numerics_epoch != kNumericsEpoch) {
    connection->send(Refused{"its numbers are of another epoch than the coordinator's; update the older of the two"});
    throw Error(ErrorKind::unavailable, "refused a pool of another numerics epoch");
  }
  return *description;
}

asio::awaitable<void> Coordinator::serve_pool(ConnectionPtr connection, PoolId pool, std::string name,
                                              PoolDescription description) {
  spdlog::info("pool {} joined: {} ranks, host {}, pid {}", name, description.ranks, description.host, description.pid);
  pools_[pool] = connection;
  local_pools_.on_joined(description.label);
  perform(core_.on_pool_joined(pool, name, description.ranks, utc_seconds()));
  bool expected = false;
  std::string why;
  while (!expected && why.empty()) {
    int rank = 0;
    std::vector<RankReport> reports;
    try {
      const Message message = co_await connection->receive();
      expected = std::holds_alternative<Leaving>(message);
      if (const FromRank* from = std::get_if<FromRank>(&message)) {
        rank = from->rank;
        reports = decode_reports(from->reports);
      }
    } catch (const Error& error) {
      why = error.what();
    }
    // Outside: what goes wrong in here is ours, and ends the run.
    on_reports(pool, rank, std::move(reports));
  }
  if (!expected) {
    core_.on_pool_silent(pool);
    why = co_await wait_for_end(description.label, why);
  }
  spdlog::info("pool {} left{}{}", name, why.empty() ? "" : ": ", why);
  pools_.erase(pool);
  perform(core_.on_pool_lost(pool, expected, why, utc_seconds()));
}

// How mpirun ended says more than that its connection broke, and comes a second later.
asio::awaitable<std::string> Coordinator::wait_for_end(std::string label, std::string fallback) {
  asio::steady_timer timer(io_);
  boost::system::error_code ignored;
  for (int tries = 0; tries < 50 && local_pools_.owns(label); ++tries) {
    if (const auto end = local_pools_.end_of(label)) co_return "its mpirun " + *end;
    timer.expires_after(std::chrono::milliseconds(100));
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return fallback;
}

void Coordinator::on_reports(PoolId pool, int rank, std::vector<RankReport> reports) {
  const Now now = utc_seconds();
  for (RankReport& report : reports) {
    if (RankReady* ready = std::get_if<RankReady>(&report)) {
      perform(core_.on_rank_ready(pool, rank, store_.record_environment(ready->environment), now));
    } else if (StageReached* reached = std::get_if<StageReached>(&report)) {
      perform(core_.on_stage_reached(pool, rank, std::move(reached->outcome), now));
    } else if (JobEnded* ended = std::get_if<JobEnded>(&report)) {
      perform(core_.on_job_ended(pool, rank, ended->attempt, ended->interrupted, now));
    } else if (JobProgress* progress = std::get_if<JobProgress>(&report)) {
      if (progress->end_step > 0)
        core_.on_progress(progress->attempt,
                          static_cast<double>(progress->step) / static_cast<double>(progress->end_step));
    }
  }
}

void Coordinator::perform(Effects effects) {
  for (Effect& effect : effects) {
    if (SendJob* send = std::get_if<SendJob>(&effect)) {
      if (commands_.empty()) asio::post(io_, [this] { send_commands(); });
      commands_[{send->pool, send->rank}].emplace_back(RunJob{std::move(send->job)});
    } else if (SendStop* stop = std::get_if<SendStop>(&effect)) {
      if (commands_.empty()) asio::post(io_, [this] { send_commands(); });
      commands_[{stop->pool, stop->rank}].emplace_back(StopJob{stop->attempt});
    } else if (DismissPool* dismiss = std::get_if<DismissPool>(&effect)) {
      const auto found = pools_.find(dismiss->pool);
      if (found != pools_.end()) found->second->send(Leave{});
    } else if (Record* record = std::get_if<Record>(&effect)) {
      changes_.push_back(std::move(record->change));
    } else if (Tell* tell = std::get_if<Tell>(&effect)) {
      spdlog::warn("{}", tell->text);
      progress_.tell(tell->text);
    }
  }
  if (changes_.size() >= kCommitAtOnce || core_.finished()) commit();
}

void Coordinator::send_commands() {
  if (first_job_at_ == 0) first_job_at_ = utc_seconds();
  for (auto& [to, commands] : std::exchange(commands_, {})) {
    const auto found = pools_.find(to.first);
    if (found != pools_.end()) found->second->send(ToRank{to.second, encode(commands)});
  }
}

void Coordinator::commit() {
  if (changes_.empty()) return;
  try {
    store_.apply(changes_);
    locked_since_ = 0;
  } catch (const Error& error) {
    // Somebody's sqlite3 shell, say: the changes are kept and tried again.
    if (error.kind() != ErrorKind::unavailable) throw;
    if (locked_since_ == 0) locked_since_ = utc_seconds();
    if (utc_seconds() - locked_since_ > kLockedSeconds) throw;
    progress_.tell("waiting: another process writes to the database");
    return;
  }
  for (const StoreChange& change : changes_) {
    const StageFinished* finished = std::get_if<StageFinished>(&change);
    if (finished != nullptr && finished->outcome.steps > 0) forget_checkpoint(finished->outcome.key);
  }
  changes_.clear();
  has_new_results_ = true;
  last_commit_at_ = utc_seconds();
}

// Only now: a training whose outcome was lost on the way is repeated from it in no time.
void Coordinator::forget_checkpoint(const StageKey& key) {
  std::error_code ignored;
  std::filesystem::remove(store_.paths().checkpoint(key), ignored);
}

asio::awaitable<void> Coordinator::tick() {
  boost::system::error_code ignored;
  while (true) {
    ticker_.expires_after(kTick);
    co_await ticker_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    commit();
    const bool ending = core_.finished() || core_.stopping();
    if (!ending) {
      for (const std::string& line : local_pools_.restart_ended(core_.status().stages_done)) {
        spdlog::warn("{}", line);
        progress_.tell(line);
      }
      announce_results();
      show_progress();
      continue;
    }
    if (gone_since_ == 0) gone_since_ = utc_seconds();
    if (pools_.empty() && !local_pools_.any_running()) break;
    if (utc_seconds() - gone_since_ > kLeaveSeconds) local_pools_.kill();
  }
  show_progress();
  io_.stop();
}

void Coordinator::show_progress() {
  progress_.update(progress_text(core_.status(), earlier_seconds_per_cost_, elapsed_s()), utc_seconds());
}

void Coordinator::announce_results() {
  const double before = utc_seconds();
  if (!has_new_results_ || !options_.on_results || before < next_announcement_at_) return;
  has_new_results_ = false;
  options_.on_results();
  const double after = utc_seconds();
  next_announcement_at_ = after + std::max(kAnnounceSeconds, (after - before) / kAnnounceShare);
}

asio::awaitable<void> Coordinator::watch_signals() {
  boost::system::error_code error;
  while (true) {
    co_await signals_.async_wait(asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    if (stop_begun_) {
      progress_.tell("stopping at once; what was not checkpointed is computed again next time");
      local_pools_.kill();
      continue;
    }
    progress_.tell("stopping: running jobs write a checkpoint (Ctrl-C again to stop at once)");
    begin_stop(Ending::interrupted);
  }
}

void Coordinator::begin_stop(Ending ending) {
  if (std::exchange(stop_begun_, true)) return;
  ending_ = ending;
  perform(core_.stop(utc_seconds()));
}

}  // namespace espalier
