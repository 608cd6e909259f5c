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
/// How often on_results is called at most, and how small a part of the coordinator's time it may take.
constexpr double kAnnounceSeconds = 20;
constexpr double kAnnounceShare = 0.02;

Now utc_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

tcp::acceptor listen_on(asio::io_context& io, const std::string& host, int port) {
  try {
    const tcp::endpoint endpoint(asio::ip::make_address(host), static_cast<std::uint16_t>(port));
    return tcp::acceptor(io, endpoint);
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
  local_pools_.start();
  spawn("accepting connections", accept_connections());
  spawn("watching signals", watch_signals());
  spawn("the tick", tick());
  io_.run();
  if (error_) {
    local_pools_.kill();
    std::rethrow_exception(error_);
  }
  commit();
  return core_.exhausted() ? Ending::exhausted : ending_;
}

asio::awaitable<void> Coordinator::accept_connections() {
  while (true) {
    boost::system::error_code error;
    tcp::socket socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!acceptor_.is_open()) co_return;
    if (error) {
      spdlog::warn("accepting a connection failed: {}", error.message());
      continue;
    }
    spawn("a connection", serve(std::make_shared<Connection>(std::move(socket))));
  }
}

asio::awaitable<void> Coordinator::serve(ConnectionPtr connection) {
  const std::string from = connection->remote_address();
  const PoolId number = next_pool_++;
  const std::string name = fmt::format("pool-{}", number);
  try {
    const Role role = co_await welcome_peer(connection, secret_, name);
    spawn("a heartbeat", connection->keep_alive());
    if (role == Role::pool) {
      co_await serve_pool(connection, number, name);
    } else {
      co_await serve_client(connection);
    }
  } catch (const Error& error) {
    // A stranger, a damaged frame or a broken line disturbs nobody else.
    if (error.kind() == ErrorKind::exhausted || error.kind() == ErrorKind::internal) throw;
    spdlog::warn("{}: {}", from, error.what());
  }
  connection->close_after_sending();
}

asio::awaitable<void> Coordinator::serve_pool(ConnectionPtr connection, PoolId pool, std::string name) {
  const Message first = co_await connection->receive();
  const PoolDescription* description = std::get_if<PoolDescription>(&first);
  constexpr int kMostRanks = 100000;
  if (description == nullptr || description->ranks < 1 || description->ranks > kMostRanks) {
    throw Error(ErrorKind::corrupt, "a pool did not describe itself");
  }
  if (description->numerics_epoch != kNumericsEpoch) {
    connection->send(Refused{"its numbers are of another epoch than the coordinator's; update the older of the two"});
    throw Error(ErrorKind::unavailable, "refused a pool of another numerics epoch");
  }
  const std::string label = description->label;
  if (!label.empty()) name = label;
  spdlog::info("pool {} joined: {} ranks, host {}, pid {}", name, description->ranks, description->host,
               description->pid);
  pools_[pool] = connection;
  perform(core_.on_pool_joined(pool, name, description->ranks, utc_seconds()));
  bool expected = false;
  std::string why;
  try {
    while (!expected) {
      const Message message = co_await connection->receive();
      if (const FromRank* from = std::get_if<FromRank>(&message)) on_reports(pool, *from);
      expected = std::holds_alternative<Leaving>(message);
    }
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::exhausted || error.kind() == ErrorKind::internal) throw;
    why = error.what();
  }
  if (!expected) why = co_await wait_for_end(label, why);
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

asio::awaitable<void> Coordinator::serve_client(ConnectionPtr connection) {
  const Message request = co_await connection->receive();
  if (!std::holds_alternative<Cancel>(request)) co_return;
  begin_stop(Ending::cancelled);
  connection->send(Done{});
}

void Coordinator::on_reports(PoolId pool, const FromRank& from) {
  const Now now = utc_seconds();
  for (RankReport& report : decode_reports(from.reports)) {
    if (RankReady* ready = std::get_if<RankReady>(&report)) {
      perform(core_.on_rank_ready(pool, from.rank, store_.record_environment(ready->environment), now));
    } else if (StageReached* reached = std::get_if<StageReached>(&report)) {
      perform(core_.on_stage_reached(pool, from.rank, std::move(reached->outcome), now));
    } else if (JobEnded* ended = std::get_if<JobEnded>(&report)) {
      perform(core_.on_job_ended(pool, from.rank, ended->attempt, ended->interrupted, now));
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
  store_.apply(changes_);
  changes_.clear();
  has_new_results_ = true;
  last_commit_at_ = utc_seconds();
}

asio::awaitable<void> Coordinator::tick() {
  boost::system::error_code ignored;
  while (true) {
    ticker_.expires_after(kTick);
    co_await ticker_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    commit();
    const bool ending = core_.finished() || core_.stopping();
    if (!ending) {
      for (const std::string& line : local_pools_.restart_ended(core_.status().jobs_finished)) {
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
