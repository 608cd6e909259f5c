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
#include "orchestrator/room.h"

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
/// How often room is looked for, and how long a pause lasts at least after a worker found its disk full: twice as long
/// each time it happens again.
constexpr double kRoomSeconds = 1;
constexpr double kShortestPauseSeconds = 2;
constexpr double kLongestPauseSeconds = 60;
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
      local_pools_(options_.local_pools, options_.pool_starts),
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
  for (const std::string& line : local_pools_.start()) tell(line);
  remember_pools();
  spawn("accepting connections", accept_connections());
  spawn("watching signals", watch_signals());
  spawn("the tick", tick());
  io_.run();
  if (error_) {
    local_pools_.kill();
    std::rethrow_exception(error_);
  }
  commit();
  if (!changes_.empty()) {
    throw Error(ErrorKind::exhausted, commit_trouble_ +
                                          "; the last results could not be written, and are computed "
                                          "again when the same command is run after there is room");
  }
  if (core_.finished()) return Ending::finished;  // whatever was asked for after the last result
  return core_.too_many_failures() ? Ending::too_many_failures : ending_;
}

// What an earlier coordinator handed out may still run: nobody else gets it before it is known who is still there.
void Coordinator::remember_pools() {
  std::map<std::string, std::vector<OpenAttempt>> by_pool;
  for (const OpenAttempt& attempt : options_.open) by_pool[attempt.pool].push_back(attempt);
  for (const auto& [label, attempts] : by_pool) {
    const PoolId pool = next_pool_++;
    pools_[pool].label = label;
    perform(core_.remember_pool(pool, label, attempts, utc_seconds()));
    if (local_pools_.owns(label) && !local_pools_.was_taken_over(label)) {
      lose(pool, {LossCause::coordinator_lost, "it ended while no coordinator was there", {}, {}, {}, {}});
    } else {
      spawn("waiting for pool " + label, await_return(pool, true));
    }
  }
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
    const auto connection = std::make_shared<Connection>(std::move(socket));
    strangers_.add(connection);
    spawn("a connection", serve(connection));
  }
}

asio::awaitable<void> Coordinator::serve(ConnectionPtr connection) {
  const std::string from = connection->remote_address();
  std::optional<PoolDescription> pool;
  try {
    const Role role = co_await welcome_peer(connection, secret_, from);
    spawn("a heartbeat", connection->keep_alive());
    const Message first = co_await connection->receive();
    if (role == Role::pool) pool = check_description(connection, first);
    if (role == Role::client) on_client(connection, first);
  } catch (const Error& error) {
    spdlog::warn("{}: {}", from, error.what());  // a stranger or a damaged frame disturbs nobody else
  }
  if (pool) co_await serve_pool(connection, *pool);
  connection->close_after_sending();
}

void Coordinator::on_client(const ConnectionPtr& connection, const Message& message) {
  if (std::holds_alternative<Cancel>(message)) {
    begin_stop(Ending::cancelled);
  } else if (std::holds_alternative<DropPools>(message)) {
    spdlog::warn("a client asked to break the connections of all pools");
    for (auto& [id, link] : pools_) {
      if (link.connection) link.connection->close();
    }
  } else {
    throw Error(ErrorKind::corrupt, "a client said what clients do not say");
  }
  connection->send(Done{});
}

PoolDescription Coordinator::check_description(const ConnectionPtr& connection, const Message& message) {
  const PoolDescription* description = std::get_if<PoolDescription>(&message);
  constexpr int kMostRanks = 100000;
  constexpr std::size_t kLongestName = 200;
  if (description == nullptr || description->ranks < 1 || description->ranks > kMostRanks ||
      description->identity.empty() || description->identity.size() > kLongestName || description->label.empty() ||
      description->label.size() > kLongestName) {
    throw Error(ErrorKind::corrupt, "a pool did not describe itself");
  }
  if (description->numerics_epoch != kNumericsEpoch) {
    connection->send(Refused{"its numbers are of another epoch than the coordinator's; update the older of the two"});
    throw Error(ErrorKind::unavailable, "refused a pool of another numerics epoch");
  }
  return *description;
}

// The same pool again if it says so, or if it is the one that the database remembers by its label.
PoolId Coordinator::attach(const ConnectionPtr& connection, const PoolDescription& description) {
  const auto same = [&](const auto& entry) { return entry.second.identity == description.identity; };
  auto found = std::find_if(pools_.begin(), pools_.end(), same);
  if (found == pools_.end()) {
    found = std::find_if(pools_.begin(), pools_.end(), [&](const auto& entry) {
      return entry.second.identity.empty() && entry.second.label == description.label;
    });
  }
  const PoolId pool = found == pools_.end() ? next_pool_++ : found->first;
  PoolLink& link = pools_[pool];
  if (link.connection) link.connection->close();  // half open: its own coroutine sees that it was replaced
  link.connection = connection;
  link.label = description.label;
  link.identity = description.identity;
  return pool;
}

asio::awaitable<void> Coordinator::serve_pool(ConnectionPtr connection, PoolDescription description) {
  const PoolId pool = attach(connection, description);
  spdlog::info("pool {} joined: {} ranks, host {}, pid {}", description.label, description.ranks, description.host,
               description.pid);
  local_pools_.on_joined(description.label);
  perform(core_.on_pool_joined(pool, description.label, description.ranks, utc_seconds()));
  std::string why;
  bool was_silent = false;
  while (why.empty()) {
    Message message;
    try {
      message = co_await connection->receive();
    } catch (const Error& error) {
      why = error.what();
      was_silent = connection->fell_silent();
      continue;
    }
    // Outside of the other try: what goes wrong in here with an honest message is ours, and ends the run.
    try {
      if (!hear(pool, message)) co_return;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::corrupt) throw;
      why = error.what();
    }
  }
  connection->close();
  const auto link = pools_.find(pool);
  if (link == pools_.end() || link->second.connection != connection) co_return;  // it has a newer one
  spdlog::warn("pool {}: {}", description.label, why);
  link->second.connection.reset();
  core_.on_pool_silent(pool);
  co_await await_return(pool, was_silent);
}

/// False: it has left.
bool Coordinator::hear(PoolId pool, const Message& message) {
  PoolLink& link = pools_.at(pool);
  if (const FromRank* from = std::get_if<FromRank>(&message)) {
    if (from->sequence == 0) throw Error(ErrorKind::corrupt, "a frame without a number");
    if (from->sequence <= link.heard) return true;  // said before, and sent again
    on_reports(pool, from->rank, decode_reports(from->reports));
    link.heard = from->sequence;
    return true;
  }
  if (const Leaving* leaving = std::get_if<Leaving>(&message)) {
    commit();
    acknowledge();
    spdlog::info("pool {} left: {}", link.label, to_string(leaving->cause));
    const LossCause cause = budget_of(leaving->cause) == Budget::none ? leaving->cause : LossCause::preempted;
    lose(pool, {cause, std::string(to_string(cause)), {}, {}, {}, {}});
    return false;
  }
  if (!std::holds_alternative<Heartbeat>(message)) throw Error(ErrorKind::corrupt, "a pool said what pools do not say");
  return true;
}

void Coordinator::lose(PoolId pool, const PoolEnd& end) {
  pools_.erase(pool);
  perform(core_.on_pool_lost(pool, end, utc_seconds()));
}

// It may be the network, or we were away. How a pool of our own ended says more than that its connection broke, and
// comes a second later.
asio::awaitable<void> Coordinator::await_return(PoolId pool, bool was_silent) {
  const std::string label = pools_.at(pool).label;
  const auto limit = std::chrono::steady_clock::now() + options_.return_limit;
  asio::steady_timer timer(io_);
  boost::system::error_code ignored;
  while (true) {
    const auto link = pools_.find(pool);
    if (link == pools_.end() || link->second.connection) co_return;
    if (auto end = local_pools_.end_of(label)) {
      spdlog::warn("pool {}: {}", label, end->why);
      lose(pool, *end);
      co_return;
    }
    if (std::chrono::steady_clock::now() > limit || core_.finished()) break;
    timer.expires_after(std::chrono::milliseconds(100));
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  if (core_.finished()) {  // nobody waits for it
    lose(pool, {LossCause::drained, "", {}, {}, {}, {}});
    co_return;
  }
  const bool remembered = pools_.at(pool).identity.empty();
  const LossCause cause = remembered   ? LossCause::coordinator_lost
                          : was_silent ? LossCause::heartbeat
                                       : LossCause::node_lost;
  const std::string why =
      fmt::format("nothing was heard from it for {:.0f} s", static_cast<double>(options_.return_limit.count()) / 1000);
  tell(fmt::format("pool {}: {}; its jobs go to others", label, why));
  local_pools_.kill(label);
  lose(pool, {cause, why, {}, {}, {}, {}});
}

void Coordinator::on_reports(PoolId pool, int rank, std::vector<RankReport> reports) {
  const Now now = utc_seconds();
  for (RankReport& report : reports) {
    if (RankReady* ready = std::get_if<RankReady>(&report)) {
      perform(core_.on_rank_ready(pool, rank, record_environment(ready->environment), ready->host, ready->held, now));
    } else if (StageReached* reached = std::get_if<StageReached>(&report)) {
      perform(core_.on_stage_reached(pool, rank, std::move(reached->outcome), now));
    } else if (JobEnded* ended = std::get_if<JobEnded>(&report)) {
      const AttemptEnd end{ended->attempt, ended->interrupted, ended->started, ended->progressed, ended->cause};
      perform(core_.on_job_ended(pool, rank, end, now));
    } else if (JobProgress* progress = std::get_if<JobProgress>(&report)) {
      if (progress->end_step > 0)
        core_.on_progress(progress->attempt,
                          static_cast<double>(progress->step) / static_cast<double>(progress->end_step));
    }
  }
}

EnvironmentId Coordinator::record_environment(const std::string& json) {
  constexpr std::size_t kLongest = 64U << 10;
  if (json.size() > kLongest) throw Error(ErrorKind::corrupt, "a rank's environment is absurdly long");
  const auto known = environments_.find(json);
  if (known != environments_.end()) return known->second;
  try {
    return environments_[json] = store_.record_environment(json);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::invalid_input) throw Error(ErrorKind::corrupt, error.what());
    if (error.kind() != ErrorKind::exhausted && error.kind() != ErrorKind::unavailable) throw;
    spdlog::warn("a rank's environment was not recorded: {}", error.what());
    return 0;
  }
}

void Coordinator::perform(Effects effects) {
  for (Effect& effect : effects) {
    if (SendJob* send = std::get_if<SendJob>(&effect)) {
      if (commands_.empty()) asio::post(io_, [this] { send_commands(); });
      commands_[{send->pool, send->rank}].emplace_back(RunJob{std::move(send->job), send->alone});
    } else if (SendStop* stop = std::get_if<SendStop>(&effect)) {
      if (commands_.empty()) asio::post(io_, [this] { send_commands(); });
      commands_[{stop->pool, stop->rank}].emplace_back(StopJob{stop->attempt});
    } else if (DismissPool* dismiss = std::get_if<DismissPool>(&effect)) {
      const auto found = pools_.find(dismiss->pool);
      if (found != pools_.end() && found->second.connection) found->second.connection->send(Leave{});
    } else if (Record* record = std::get_if<Record>(&effect)) {
      changes_.push_back(std::move(record->change));
    } else if (Tell* tell_effect = std::get_if<Tell>(&effect)) {
      tell(tell_effect->text);
    }
  }
  if (changes_.size() >= kCommitAtOnce || core_.finished()) commit();
}

void Coordinator::tell(const std::string& line) {
  spdlog::warn("{}", line);
  progress_.tell(line);
}

void Coordinator::send_commands() {
  if (first_job_at_ == 0) first_job_at_ = utc_seconds();
  for (auto& [to, commands] : std::exchange(commands_, {})) {
    const auto found = pools_.find(to.first);
    if (found != pools_.end() && found->second.connection)
      found->second.connection->send(ToRank{to.second, encode(commands)});
  }
}

void Coordinator::commit() {
  if (changes_.empty()) return;
  try {
    store_.apply(changes_);
    locked_since_ = 0;
    commit_trouble_.clear();
  } catch (const Error& error) {
    // The changes are kept and tried again: somebody's sqlite3 shell lets go, or somebody makes room.
    if (error.kind() == ErrorKind::exhausted) {
      commit_trouble_ = error.what();
      return;
    }
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

// Whatever was heard is in the database, unless a commit is waiting.
void Coordinator::acknowledge() {
  if (!changes_.empty()) return;
  for (auto& [id, link] : pools_) {
    if (!link.connection || link.acknowledged == link.heard) continue;
    link.connection->send(Recorded{link.heard});
    link.acknowledged = link.heard;
  }
}

void Coordinator::look_for_room(double now) {
  if (now - room_looked_at_ < kRoomSeconds) return;
  room_looked_at_ = now;
  const std::string lack = commit_trouble_.empty() ? lack_of_room(store_.paths().root) : commit_trouble_;
  if (!lack.empty()) {
    perform(core_.pause(lack));
    return;
  }
  if (!core_.is_paused()) {
    if (now - resumed_at_ > kLongestPauseSeconds) pause_s_ = 0;
    return;
  }
  if (core_.waits_for_room() && resume_at_ == 0) {
    pause_s_ = std::clamp(2 * pause_s_, kShortestPauseSeconds, kLongestPauseSeconds);
    resume_at_ = now + pause_s_;
  }
  if (now < resume_at_) return;
  resume_at_ = 0;
  resumed_at_ = now;
  perform(core_.resume(now));
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
    const double now = utc_seconds();
    commit();
    acknowledge();
    if (!core_.stopping()) look_for_room(now);
    if (!core_.stopping() && (!core_.finished() || !changes_.empty())) {
      perform(core_.on_tick(now));
      if (!core_.finished()) {
        for (const std::string& line : local_pools_.restart_ended(core_.activity(), now)) tell(line);
      }
      announce_results();
      show_progress();
      continue;
    }
    if (gone_since_ == 0) gone_since_ = now;
    const bool any_connected =
        std::any_of(pools_.begin(), pools_.end(), [](const auto& entry) { return entry.second.connection != nullptr; });
    if (!any_connected && !local_pools_.any_running()) break;
    if (now - gone_since_ > kLeaveSeconds) local_pools_.kill();
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
  try {
    options_.on_results();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::exhausted && error.kind() != ErrorKind::unavailable) throw;
    spdlog::warn("the comparison was not refreshed: {}", error.what());
  }
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
